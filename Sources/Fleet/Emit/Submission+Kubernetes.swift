import JSON

extension Submission {
  /// An Indexed Job that does the parts, and a Job that collects: it is tried again, ever more slowly, until every job
  /// has a record.
  ///
  /// Kubernetes 1.33 or later, where `backoffLimitPerIndex` is stable. Strings are written as JSON has them, which
  /// YAML reads.
  var kubernetes: String {
    let codes = Submission.retried.map(String.init).joined(separator: ", ")
    return """
      # Made by xspress emit k8s: kubectl apply -f FILE
      apiVersion: batch/v1
      kind: Job
      metadata:
        name: \(label)
        labels:
          app.kubernetes.io/name: xspress\(queueLabel)
      spec:
        completionMode: Indexed
        completions: \(shards)
        parallelism: \(min(parallel, shards))
        backoffLimitPerIndex: \(retries)
        maxFailedIndexes: \(shards)\(suspension)
        podFailurePolicy:
          rules:
            - action: Ignore
              onPodConditions:
                - type: DisruptionTarget
                  status: "True"
            - action: Count
              onExitCodes:
                containerName: xspress
                operator: In
                values: [\(codes)]
            - action: FailIndex
              onExitCodes:
                containerName: xspress
                operator: NotIn
                values: [\(codes)]
        template:
      \(pod(["run", run, "--shards", "\(shards)", "--scratch", "/scratch", "--log", "plain"], cpus: cpus, mebibytes: mebibytes, deadline: minutes * 60))
      ---
      apiVersion: batch/v1
      kind: Job
      metadata:
        name: \(label)-collect
        labels:
          app.kubernetes.io/name: xspress\(queueLabel)
      spec:
        completions: 1
        backoffLimit: 300\(suspension)
        podFailurePolicy:
          rules:
            - action: Ignore
              onPodConditions:
                - type: DisruptionTarget
                  status: "True"
            - action: FailJob
              onExitCodes:
                containerName: xspress
                operator: NotIn
                values: [\(codes)]
        template:
      \(pod(["collect", run], cpus: 1, mebibytes: 2048, deadline: 3600))

      """
  }

  private var queueLabel: String {
    queue.map { "\n    kueue.x-k8s.io/queue-name: \(JSONValue.string($0).text())" } ?? ""
  }

  /// Kueue starts what it admits.
  private var suspension: String { queue == nil ? "" : "\n  suspend: true" }

  private func pod(_ words: [String], cpus: Int, mebibytes: Int, deadline: Int) -> String {
    let arguments = words.map { JSONValue.string($0).text() }.joined(separator: ", ")
    return """
          spec:
            restartPolicy: Never
            activeDeadlineSeconds: \(deadline)
            terminationGracePeriodSeconds: 60
            containers:
              - name: xspress
                image: \(JSONValue.string(image).text())
                command: ["xspress"]
                args: [\(arguments)]
                env:
                  - name: SWIFT_BACKTRACE
                    value: "enable=no"
                resources:
                  requests:
                    cpu: "\(cpus)"
                    memory: \(mebibytes)Mi
                  limits:
                    memory: \(mebibytes)Mi
                volumeMounts:
                  - name: data
                    mountPath: \(JSONValue.string(mount).text())
                  - name: scratch
                    mountPath: /scratch
            volumes:
              - name: data
                persistentVolumeClaim:
                  claimName: \(JSONValue.string(claim).text())
              - name: scratch
                emptyDir: {}
      """
  }
}
