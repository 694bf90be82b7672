extension JobRecord {
  /// The record without what only its own page shows: modules, and the losses of every step.
  ///
  /// A few kilobytes, so that a report on ten thousand jobs holds them all.
  package var summary: JobRecord {
    var record = self
    record.modules = []
    record.tuning?.trainLoss = []
    record.tuning?.validationLoss = []
    record.tuning?.trials = []
    return record
  }
}
