extension JobRecord {
  /// Whether the job had no adapter and came to an artifact.
  var isFromNothing: Bool { sizes.map { $0.asShipped == nil } ?? false }
}

extension Sequence<JobRecord> {
  /// Whether figures of a LoRA have a place: not where every job that came to something started from nothing.
  var haveLoRA: Bool {
    contains { $0.sizes?.asShipped != nil } || !contains(where: \.isFromNothing)
  }
}
