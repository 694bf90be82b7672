public import Faults

/// The fault that `body` throws, nil when it succeeds: `#expect(fault { … }?.code == "ST-SHORT")`.
public func fault<Result>(_ body: () throws(Fault) -> Result) -> Fault? {
  do throws(Fault) {
    _ = try body()
    return nil
  } catch {
    return error
  }
}
