import ArgumentParser
import Faults
import Files
import JSON
import Recipes

/// `xspress-bench documents`: what is written down of the table of options, made again.
struct DocumentsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "documents",
    abstract:
      "Writes the JSON Schemas of manifests and recipes and the table of its page from the fields.")

  @Argument(help: "The folder of formats.")
  var folder = "formats"

  func run() throws {
    for (name, schema) in [
      ("manifest", ManifestSchema.document), ("recipe", RecipeSchema.document),
    ] {
      try AtomicFile.write(
        Paths.join(folder, "\(name).schema.json"), text: schema.text(pretty: true))
    }
    let page = Paths.join(folder, "manifest.md")
    let text = String(decoding: try InputFile(page).readAll(limit: 1 << 20), as: UTF8.self)
    guard let updated = ManifestPage.updated(text) else {
      throw Fault(
        .badData, "BENCH-PAGE", "the lines around the table of fields are missing", path: page)
    }
    try AtomicFile.write(page, text: updated)
  }
}
