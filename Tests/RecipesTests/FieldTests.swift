import Faults
import Files
import JSON
import RecipeSamples
import Recipes
import TestSupport
import Testing

/// The table of options: its rows are different, and a command line and a manifest make the same recipe of each.
@Suite struct FieldTests {
  private let head = "schema: xspress.manifest/1\nbases: {b: {path: b.gguf}}\n"

  private func manifest(_ text: String) throws -> [JobPlan] {
    try withTemporaryDirectory { folder in
      try AtomicFile.write("\(folder)/m.yaml", text: head + text)
      let jobs = try Manifest.read("\(folder)/m.yaml").jobs
      return jobs
    }
  }

  /// Manifests resolve paths from their folder; the last part is what was written.
  private func names(_ recipe: Recipe) -> [String] {
    Field.all.compactMap { field in
      field.text(recipe).map { text in
        "\(field.key) \(field.path(in: recipe).map(Paths.name(of:)) ?? text)"
      }
    }
  }

  @Test func namesAreDifferent() {
    #expect(Set(Field.all.map(\.key)).count == Field.all.count)
    for command in Field.Command.allCases {
      let flags = Field.all.filter { $0.commands.contains(command) }.map(\.flag)
      #expect(Set(flags).count == flags.count)
    }
    #expect(Field.all.allSatisfy { !$0.help.isEmpty && $0.help.hasSuffix(".") })
  }

  @Test(arguments: FieldSample.all)
  func commandLineAndManifestMakeOneRecipe(
    command: Field.Command, sample: FieldSample
  ) throws {
    let given = try Recipe(GivenOptions(commandLine: sample.commandLine(), command: command))
    let jobs = try manifest("adapters:\n" + sample.entry(name: "x"))
    let read = try #require(jobs.first?.recipe)
    #expect(names(read) == names(given))
    #expect(read.canonicalText() == given.canonicalText())
    // A value that is not the default changes the recipe, and the digest where it changes results.
    var without = sample.commandLine()
    without[sample.field.key] = nil
    if let plain = try? Recipe(GivenOptions(commandLine: without, command: command)) {
      #expect(plain != given, "\(sample.field.key)")
      // Of another file in the same place only the contents count.
      if sample.field.path(in: given) != nil, sample.field.path(in: plain) != nil {
        #expect(plain.inputs.map(\.path) != given.inputs.map(\.path))
        return
      }
      let isSame = plain.canonicalText() == given.canonicalText()
      #expect(isSame == (sample.field.effect == .nothing), "\(sample.field.key)")
      let keepsLatents = plain.canonicalText([.latents]) == given.canonicalText([.latents])
      #expect(keepsLatents == (sample.field.effect != .latents), "\(sample.field.key)")
    }
  }

  /// What a form does not allow is refused by both, each in its manner.
  @Test(arguments: FieldSample.all)
  func bothRefuseTheSame(command: Field.Command, sample: FieldSample) throws {
    guard !sample.field.form.namesFile, sample.field.form != .truth else { return }
    var line = sample.commandLine()
    line[sample.field.key] = ["~!("]
    let usage = try #require(throws: Fault.self) {
      _ = try Recipe(GivenOptions(commandLine: line, command: command))
    }
    #expect(usage.code == "USAGE" && usage.reason.contains("--\(sample.field.flag)"))
    let entry = sample.entry(name: "x").replacing(
      "\(sample.field.name): \(sample.written)", with: "\(sample.field.name): \"%\"")
    let refused = try #require(throws: Fault.self) { _ = try manifest("adapters:\n" + entry) }
    #expect(["MF-VALUE", "MF-TYPE"].contains(refused.code), "\(refused)")
    #expect(refused.reason.contains("adapters[0].\(sample.field.key)"))
  }

  @Test func schemaAndPageAreWhatTheTableMakes() throws {
    func text(_ name: String) throws -> String {
      String(
        decoding: try InputFile(Checkout.path("formats/\(name)")).readAll(limit: 1 << 20),
        as: UTF8.self)
    }
    #expect(try text("manifest.schema.json") == ManifestSchema.document.text(pretty: true))
    #expect(try text("recipe.schema.json") == RecipeSchema.document.text(pretty: true))
    let page = try text("manifest.md")
    #expect(ManifestPage.updated(page) == page)
  }
}
