import Faults
import Synchronization
import Testing
import Threads

@Suite struct ParallelMapTests {
  @Test(arguments: [1, 2, 3, 16, 64, 1000]) func resultsAreInOrder(threads: Int) throws {
    let squares = try parallelMap(200, threads: threads) { $0 * $0 }
    #expect(squares == (0..<200).map { $0 * $0 })
    #expect(try parallelMap(0, threads: threads) { $0 }.isEmpty)
  }

  /// The fault of the lowest index is thrown, and little behind it is begun.
  @Test(arguments: [1, 2, 8]) func faultsStopLaterItems(threads: Int) {
    for _ in 0..<50 {
      let begun = Atomic(0)
      let fault = #expect(throws: Fault.self) {
        _ = try parallelMap(1000, threads: threads) { (index) throws(Fault) -> Int in
          begun.wrappingAdd(1, ordering: .relaxed)
          if index >= 7 { throw Fault(.badData, "TEST", "item \(index)") }
          return index
        }
      }
      #expect(fault?.reason == "item 7")
      let count = begun.load(ordering: .relaxed)
      #expect(count <= 7 + threads)
    }
  }

  /// Nested fork-joins three deep end, with every result, whatever the number of threads.
  @Test(.timeLimit(.minutes(15)), arguments: [1, 2, 3, 7, 64])
  func nesting(threads: Int) throws {
    for round in 0..<20 {
      let sums = try parallelMap(5, threads: threads) { (outer) throws(Fault) in
        try parallelMap(4, threads: threads) { (middle) throws(Fault) in
          var values = [Int](repeating: 0, count: 100)
          values.withUnsafeMutableBufferPointer { values in
            shareOut(100, grain: 3, over: values) { range, values in
              for index in range { values[index] = outer * 1000 + middle * 100 + index + round }
            }
          }
          return values.reduce(0, +)
        }.reduce(0, +)
      }
      let expected = (0..<5).map { outer in
        (0..<4).reduce(0) { $0 + 100 * (outer * 1000 + $1 * 100 + round) + 4950 }
      }
      #expect(sums == expected)
    }
  }

  /// However fork-joins nest, no more threads than were asked for at the outermost run at once.
  @Test func nestingDoesNotMultiply() throws {
    let running = Atomic(0)
    let most = Atomic(0)
    @Sendable func leaf() {
      let now = running.wrappingAdd(1, ordering: .relaxed).newValue
      most.max(now, ordering: .relaxed)
      spin(microseconds: 200)
      running.wrappingSubtract(1, ordering: .relaxed)
    }
    _ = try parallelMap(6, threads: 4) { (_) throws(Fault) in
      _ = try parallelMap(10, threads: 4) { (_) throws(Fault) in leaf() }
    }
    // A thread that goes on after waiting may find its seat taken until the helper's item ends.
    let found = most.load(ordering: .relaxed)
    #expect((2...4 + 1).contains(found))
  }

  /// The last item of an outer fork-join gets the threads that have nothing left to do.
  @Test func idleThreadsHelpDeeper() throws {
    let helped = Atomic(false)
    _ = try parallelMap(2, threads: 2) { (outer) throws(Fault) in
      guard outer == 1 else { return }
      let own = currentThread()
      for _ in 0..<200 where !helped.load(ordering: .relaxed) {
        shareOut(8, grain: 1, over: own) { _, own in
          spin(microseconds: 100)
          if currentThread() != own { helped.store(true, ordering: .relaxed) }
        }
      }
    }
    let isHelped = helped.load(ordering: .relaxed)
    #expect(isHelped)
  }

  /// Items are admitted by what they need, and one alone whatever it needs.
  @Test func admissionByBytes() throws {
    let used = Atomic(0)
    let most = Atomic(0)
    let sizes = [30, 80, 20, 500, 40, 10, 10, 60]
    let share = MemoryShare(100) { sizes[$0] }
    _ = try parallelMap(sizes.count, threads: 8, memory: share) { (index) throws(Fault) in
      let now = used.wrappingAdd(sizes[index], ordering: .relaxed).newValue
      if sizes[index] <= 100 { most.max(now, ordering: .relaxed) }
      if sizes[index] > 100 { #expect(now == sizes[index]) }
      spin(microseconds: 500)
      used.wrappingSubtract(sizes[index], ordering: .relaxed)
    }
    let found = most.load(ordering: .relaxed)
    #expect(found <= 100)
  }

  @Test func shareOutThrowsTheFirstFault() throws {
    for threads in [1, 4] {
      let fault = #expect(throws: Fault.self) {
        try withThreads(threads) { () throws(Fault) in
          try shareOut(100, grain: 10, over: 0) { (range, _) throws(Fault) in
            if range.upperBound > 30 {
              throw Fault(.badData, "TEST", "rows from \(max(range.lowerBound, 30))")
            }
          }
        }
      }
      #expect(fault?.reason == "rows from 30")
    }
  }
}
