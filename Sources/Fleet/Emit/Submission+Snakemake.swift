import JSON

extension Submission {
  /// A Snakefile whose parts are tried again where that can help, and whose report comes in any case.
  var snakemake: String {
    let retried = Submission.retried.map(String.init).joined(separator: "|")
    return """
      # Made by xspress emit snakemake: snakemake -s FILE --cores N
      RUN = \(JSONValue.string(run).text())
      PARTS = \(shards)

      rule all:
          input: RUN + "/report/report.json"

      # A job that failed for good does not stop the others; `collect` accounts for it.
      rule part:
          output: touch(RUN + "/parts/{part}")
          params: run=RUN, parts=PARTS
          threads: \(cpus)
          retries: \(retries)
          resources: mem_mb=\(mebibytes), runtime=\(minutes), attempt=lambda wildcards, attempt: attempt
          shell:
              "code=0; xspress run {params.run:q} --shard {wildcards.part}/{params.parts} --threads {threads} || code=$?; "
              "case $code in \(retried)) [ {resources.attempt} -gt \(retries) ] || exit $code ;; esac"

      rule collect:
          input: expand(RUN + "/parts/{part}", part=range(PARTS))
          output: RUN + "/report/report.json"
          params: run=RUN
          shell: "xspress collect {params.run:q} || test -s {output:q}"

      """
  }
}
