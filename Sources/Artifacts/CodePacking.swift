import Faults

/// Several codes in a byte, in one run over all modules, the first code in the lowest place
/// (`formats/loraxs.md` §5.2).
///
/// Codes are not packed as tightly as they could be: whole codes in whole bytes are what the entropy coder behind
/// can shrink, and it takes them well below the width of their fields.
struct CodePacking {
  /// Codes in one byte.
  let codesPerByte: Int
  private let largestCode: Int

  /// - Precondition: `storage` is quantised.
  init(_ storage: LatentStorage) {
    largestCode = storage.largestCode
    codesPerByte =
      switch storage {
      case .int2: 5
      case .int3, .int4: 2
      default: 1
      }
  }

  /// Bytes of `count` codes.
  func byteCount(of count: Int) -> Int { (count + codesPerByte - 1) / codesPerByte }

  func pack(_ codes: [Int8]) -> [UInt8] {
    guard codesPerByte > 1 else { return codes.map { UInt8(bitPattern: $0) } }
    return stride(from: 0, to: codes.count, by: codesPerByte).map { first in
      let codes = codes[first..<min(first + codesPerByte, codes.count)]
      switch codesPerByte {
      case 2:
        let high = codes.count == 2 ? UInt8(bitPattern: codes[first + 1]) << 4 : 0
        return UInt8(bitPattern: codes[first]) & 15 | high
      // Digits of base 3, of which five stay below 243; missing ones count as code 0.
      default:
        return (0..<5).reversed().reduce(UInt8(0)) { byte, place in
          byte * 3 + UInt8((place < codes.count ? codes[first + place] : 0) + 1)
        }
      }
    }
  }

  /// The first `count` codes of `bytes`, which must be ``byteCount(of:)`` many.
  ///
  /// - Throws: 65 `ART-CODE` for one out of range, and where a last byte that is not full holds more than zeros.
  func unpack(_ bytes: [UInt8], count: Int) throws(Fault) -> [Int8] {
    var codes: [Int8] = []
    codes.reserveCapacity(bytes.count * codesPerByte)
    for byte in bytes {
      switch codesPerByte {
      case 1: codes.append(Int8(bitPattern: byte))
      // The arithmetic shift carries the sign.
      case 2: codes += [Int8(bitPattern: byte << 4) >> 4, Int8(bitPattern: byte) >> 4]
      default:
        var rest = byte
        for _ in 0..<5 {
          codes.append(Int8(rest % 3) - 1)
          rest /= 3
        }
        // A byte of 243 or more has a sixth digit.
        if rest > 0 { codes[codes.count - 1] = .max }
      }
    }
    for (place, code) in codes.enumerated()
    where abs(Int(code)) > largestCode || (place >= count && code != 0) {
      throw Fault(
        .badData, "ART-CODE",
        place >= count
          ? "code \(code) after the last of \(count)"
          : "code \(place) is not in -\(largestCode)...\(largestCode)", tensor: "latents")
    }
    return Array(codes.prefix(count))
  }
}
