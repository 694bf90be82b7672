package import Evaluation
import Synchronization
import Tensors

/// What the base made of the examples that it was measured on last: the jobs of a batch are mostly measured on the same ones.
package final class BaseStates: Sendable {
  private let last = Mutex<(key: String, states: Evaluator.HiddenStates)?>(nil)

  /// The final hidden states of the model and examples that `key` stands for; nil where those of others are known.
  package func known(_ key: String) -> Evaluator.HiddenStates? {
    last.withLock { last in last.flatMap { $0.key == key ? $0.states : nil } }
  }

  /// Keeps them in the place of others, unless they are large: a run over them is quicker than their memory is cheap.
  package func keep(_ states: Evaluator.HiddenStates, as key: String) {
    let bytes = states.reduce(0) { $0 + $1.elements.count } * MemoryLayout<Float>.size
    last.withLock { $0 = bytes > BaseStates.mostBytes ? nil : (key, states) }
  }

  private static let mostBytes = 32 << 20
}
