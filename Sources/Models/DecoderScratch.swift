/// Named buffers that outlive a call and only grow; what they hold is valid inside one call.
final class DecoderScratch {
  /// One name per use that may overlap another in time.
  enum Name: Hashable {
    case mixed, gathered, gatheredInverse, dHidden, dResidual, dNormed, dWide, dActivation
    case dQueryKeyValue, dAttention, outputProjected, inputProjected
    case branch, normedBranch, dBranch, dOutput, logitSlopes, embeddingInverse
    case pooled, dPooled
    case expertInput, expertActivation, expertOutput, dExpertInput, dScores
    case rounded, roundedNarrow, logits, teacherLogits
  }

  private var buffers: [Name: FloatBuffer] = [:]

  /// At least `count` elements under `name`, not cleared.
  func buffer(_ name: Name, count: Int) -> UnsafeMutablePointer<Float> {
    if let buffer = buffers[name], buffer.count >= count { return buffer.pointer }
    // Given back first: what it held is no longer valid.
    buffers[name] = nil
    let buffer = FloatBuffer(count: DecoderTape.roomy(count))
    buffers[name] = buffer
    return buffer.pointer
  }

  /// At least `count` elements of bfloat16 under `name`, not cleared.
  func halves(_ name: Name, count: Int) -> UnsafeMutablePointer<UInt16> {
    let memory = UnsafeMutableRawPointer(buffer(name, count: (count + 1) / 2))
    return memory.assumingMemoryBound(to: UInt16.self)
  }
}
