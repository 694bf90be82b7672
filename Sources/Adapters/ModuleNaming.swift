/// How an adapter's module names are to be matched with the base's (`formats/adapters.md` §3).
public enum ModuleNaming: Sendable, Hashable {
  /// Paths of the Hugging Face model.
  case paths
  /// Paths whose dots were written as underscores: only the base's own list tells them apart.
  case underscored
}
