import Files
import Foundation
import JSON
import TestSupport
import Testing

/// `xspress data`, and answers that a model writes, on the command line.
@Suite struct DataCommandTests {
  @Test func publishedRowsBecomeADataFile() throws {
    try withTemporaryDirectory { folder in
      let (published, made) = ("\(folder)/gsm8k.jsonl", "\(folder)/rows.jsonl")
      let row = #"{"question":"1+1?","answer":"1+1=<<1+1=2>>2\n#### 2"}"#
      try AtomicFile.write(published, text: row + "\n" + row + "\n")
      let found = try Tool.run(["data", "gsm8k", published, "-o", made, "--limit", "1", "--json"])
      #expect(found.status == 0, "\(found.errors)")
      let bytes = try InputFile(made).readAll(limit: 1 << 16)
      let document = try JSONValue.parse(found.output)
      #expect(document["rows"] == .integer(1))
      #expect(document["sha256"]?.stringValue == SHA256Digest.of(bytes).hex)
      let line = try JSONValue.parse(bytes)
      #expect(line["completion"]?.stringValue == " 1+1=2\nThe answer is: 2")
      let words = try Tool.run(["data", "gsm8k", published, "-o", made])
      #expect(words.output == "2 rows in \(made)\n")
    }
  }

  @Test func whatIsNoSuchSetLeavesNothing() throws {
    try withTemporaryDirectory { folder in
      let (published, made) = ("\(folder)/p.json", "\(folder)/rows.jsonl")
      try AtomicFile.write(published, text: #"[{"query":"a","response":"b"},{"query":"a"}]"#)
      for (arguments, status, code) in [
        (["metamath", published], 65, "DATA-FIELD"),
        (["metamath", "\(folder)/none"], 66, "IO-OPEN"),
        (["squad", published], 64, "USAGE"),
        (["metamath", published, "--limit", "0"], 64, "USAGE"),
      ] {
        let found = try Tool.run(["data"] + arguments + ["-o", made])
        #expect(found.status == status && found.errors.contains(code), "\(found.errors)")
        #expect(found.faultLines.count == 1 && Paths.kind(of: made) == .missing)
      }
    }
  }

  @Test func examplesAndTemplates() throws {
    try withTemporaryDirectory { folder in
      let (rows, made) = ("\(folder)/rows.jsonl", "\(folder)/made.jsonl")
      let texts = (0..<4).map { "{\"q\":\"q\($0)\",\"a\":\"a\($0)\"}\n" }
      try AtomicFile.write(rows, text: texts.joined())
      let form = ["data", "template", rows, "--prompt", "{{q}}:", "--completion", "{{a}}"]
      let shots = ["--shots", "2", "--shots-separator", ";", "-o", made]
      let found = try Tool.run(form + shots + ["--shots-from", "\(folder)/./rows.jsonl"])
      #expect(found.status == 0 && found.output == "2 rows in \(made)\n", "\(found.errors)")
      let lines = try Tool.run(
        ["data", "lines", made, "--limit", "1", "--shots", "1", "--shots-from", made]
          + ["-o", "\(folder)/lines.jsonl"])
      #expect(lines.status == 0, "\(lines.errors)")
      let text = try String(contentsOfFile: made, encoding: .utf8)
      #expect(text.hasPrefix(#"{"prompt":"q0:a0;q1:a1;q2:","completion":"a2"}"#), "\(text)")
      for (arguments, status, word) in [
        (["data", "lines", rows], 65, "DATA-FIELD"),
        (form + ["--shots", "1"], 64, "--shots-from"),
        (form + ["--shots", "5", "--shots-from", rows], 65, "4 rows"),
        (form + ["--choice", "x"], 64, "--choice"),
        (["data", "template", rows], 64, "--prompt"),
        (
          ["data", "template", rows, "--prompt", "{{z}}", "--completion", "x"], 65, "z: is missing"
        ),
        (["data", "gsm8k", rows, "--prompt", "x"], 64, "FORM template"),
        (form + ["--shots", "1", "--shots-from", made, "-o", made], 64, "OUT-IN"),
        (form + ["-o", rows], 64, "OUT-IN"),
      ] {
        let output = arguments.contains("-o") ? [] : ["-o", "\(folder)/none"]
        let found = try Tool.run(arguments + output)
        #expect(found.status == status && found.errors.contains(word), "\(found.errors)")
      }
    }
  }

  /// What is found in a model's words counts, and their length is looked at before anything is measured.
  @Test func writtenAnswersAreMeasured() throws {
    try withTemporaryDirectory { folder in
      _ = try ExportBases.gguf.write(to: folder)
      let base = ["--base", "\(folder)/base.gguf"]
      func evaluate(_ line: String) throws -> Tool.Outcome {
        try AtomicFile.write("\(folder)/rows.jsonl", text: line + "\n")
        return try Tool.run(
          ["evaluate", "--data", "\(folder)/rows.jsonl", "--json"] + base, cache: folder)
      }
      // Whatever the tiny model writes, one letter at most comes first.
      let words = "CDEFGHIJKLMNOPQRSTUVWXYZ".map(String.init)
      let accuracies = try words.map { word in
        let all = words.map { "\"\($0)\"" }.joined(separator: ",")
        let found = try evaluate(
          #"{"prompt":"CDE","completion":"\#(word)","extract":{"first_of":[\#(all)]},"length":24}"#)
        #expect(found.status == 0, "\(found.errors)")
        let variants = try JSONValue.parse(found.output)["variants"]?.arrayValue ?? []
        return try #require(variants.first?["accuracy"]?.doubleValue)
      }
      #expect(accuracies.reduce(0, +) <= 1)
      let long = try evaluate(
        #"{"prompt":"CDE","completion":"CD","extract":{"after":"C"},"length":4096}"#)
      #expect(long.status == 65 && long.errors.contains("DATA-LENGTH"), "\(long.errors)")
    }
  }
}
