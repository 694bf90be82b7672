import Evaluation
import Synchronization

/// What the base made of the examples that it was measured on last: the jobs of a batch are mostly measured on the same ones.
final class BaseStates: Sendable {
  private let last = Mutex<(key: String, states: Evaluator.HiddenStates)?>(nil)

  /// The final hidden states of the model and examples that `key` stands for; nil where those of others are known.
  func known(_ key: String) -> Evaluator.HiddenStates? {
    last.withLock { last in last.flatMap { $0.key == key ? $0.states : nil } }
  }

  /// Keeps them in the place of others.
  func keep(_ states: Evaluator.HiddenStates, as key: String) {
    last.withLock { $0 = (key, states) }
  }
}
