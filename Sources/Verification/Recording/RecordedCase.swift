import Files
import Foundation
import JSON
import Recipes
import Reports
import Sessions

/// A case made of a job's results.
struct RecordedCase {
  /// The artifact beside `case.json`.
  static let artifactName = "artifact.loraxs"

  /// `conversion` or `accuracy`.
  let kind: String
  /// `case.json`.
  let json: JSONValue

  /// How far a conversion of another machine may be: Float32 sums in another order move a latent by 1e-6 of its size, and
  /// a number that lies between two steps of INT8 then falls on the other one.
  private static let updateTolerance = 0.02
  /// What such steps change of the compressed bytes.
  private static let byteTolerance = 0.01
  /// Nats a token, as `evaluation` cases have it between machines.
  private static let lossTolerance = 2e-3

  static func conversion(
    _ plan: JobPlan, inputs: [(String, JSONValue)], files: [String]
  ) -> RecordedCase {
    let options = RecordedRecipe.settings(plan.recipe).map { ($0.key, JSONValue.string($0.value)) }
    return RecordedCase(
      "conversion", "\(plan.name), converted again", inputs,
      parameters: [
        "recipe": .object([
          "options": .object(JSONObject(options)), "files": .array(files.map { .string($0) }),
        ]),
        // Second moments are minutes of work.
        "slow": .bool(plan.recipe.calibration != nil),
      ],
      tolerances: ["update": .number(updateTolerance), "bytes": .number(byteTolerance)],
      expected: .object(JSONObject()))
  }

  static func accuracy(
    _ plan: JobPlan, _ measured: VariantResult, skip: Int, inputs: [(String, JSONValue)]
  ) -> RecordedCase {
    RecordedCase(
      "accuracy", "\(plan.name), measured again", inputs,
      parameters: [
        "limit": .integer(measured.n), "skip": .integer(skip), "slow": .bool(true),
      ],
      // One answer of the examples may be a tie that sums decide.
      tolerances: [
        "accuracy": .number(1 / Double(max(measured.n, 1))), "nll": .number(lossTolerance),
      ],
      expected: .object([
        "n": .integer(measured.n), "accuracy": .number(measured.accuracy),
        "nll": .number(measured.nll),
      ]))
  }

  private init(
    _ kind: String, _ title: String, _ inputs: [(String, JSONValue)], parameters: JSONValue,
    tolerances: JSONValue, expected: JSONValue
  ) {
    self.kind = kind
    json = .object([
      "schema": .string(GoldenCase.schema), "kind": .string(kind), "title": .string(title),
      "inputs": .object(JSONObject(inputs)), "parameters": parameters,
      "tolerances": tolerances, "expected": expected,
      "provenance": .object([
        "generator": "xspress golden record", "libraries": .object(JSONObject()),
        "precision": "Float32",
        "date": .string(
          Date().formatted(.iso8601.year().month().day())),
        "created_by": .string(Product.createdBy), "machine": .string(MachineLine.current),
      ]),
    ])
  }

  /// A case without what says who made it.
  static func withoutProvenance(_ json: JSONValue) -> JSONValue {
    guard let object = json.objectValue else { return json }
    return .object(
      JSONObject(object.members.filter { $0.key != "provenance" }.map { ($0.key, $0.value) }))
  }
}
