public import Files
public import JSON

/// Everything in an artifact that is not numbers of a module (`formats/loraxs.md` §3).
public struct ArtifactMetadata: Sendable, Hashable {
  /// How directions were chosen.
  public enum Directions: String, Sendable, Hashable {
    /// By index, stored per module.
    case selected
    /// The first ones, in canonical coordinates for ``ArtifactMetadata/omegaSeed``.
    case top
    /// Random orthonormal bases for ``ArtifactMetadata/omegaSeed``: a control.
    case random
    /// Those of the adapter's own factors, embedded in every module.
    case own
  }

  /// The base model.
  public struct Base: Sendable, Hashable {
    /// Architecture, such as `llama`.
    public var architecture: String
    /// Name for people.
    public var name: String?
    /// SHA-256 over the 32-byte digests of the modules' weights in module order.
    public var rootDigest: SHA256Digest
    /// SHA-256 of the tokenizer, when known.
    public var tokenizerDigest: SHA256Digest?
    /// SHA-256 of a base pack that also serves this artifact.
    public var packDigest: SHA256Digest?

    /// A base.
    public init(
      architecture: String, name: String? = nil, rootDigest: SHA256Digest,
      tokenizerDigest: SHA256Digest? = nil, packDigest: SHA256Digest? = nil
    ) {
      self.architecture = architecture
      self.name = name
      self.rootDigest = rootDigest
      self.tokenizerDigest = tokenizerDigest
      self.packDigest = packDigest
    }
  }

  /// The adapter that was compressed.
  public struct Source: Sendable, Hashable {
    /// Name for people.
    public var name: String
    /// Dialect, such as `peft`.
    public var format: String
    /// SHA-256 of the weights file as shipped.
    public var digest: SHA256Digest
    /// Its size.
    public var byteCount: Int
    /// Numbers in its factors.
    public var parameterCount: Int
    /// Its largest rank.
    public var rank: Int
    /// The base that its own files name, such as `org/model`; nil where they name none.
    public var baseModelName: String?
    /// What it was trained for, in PEFT's words, where that is not what its changes imply.
    public var taskType: String?

    /// A source.
    public init(
      name: String, format: String, digest: SHA256Digest, byteCount: Int, parameterCount: Int,
      rank: Int, baseModelName: String? = nil, taskType: String? = nil
    ) {
      self.name = name
      self.baseModelName = baseModelName
      self.taskType = taskType
      self.format = format
      self.digest = digest
      self.byteCount = byteCount
      self.parameterCount = parameterCount
      self.rank = rank
    }
  }

  /// A start from nothing: latents that training alone has made.
  public struct Scratch: Sendable, Hashable {
    /// Name for people.
    public var name: String
    /// The modules that were asked for, as names and expressions.
    public var modules: [String]

    /// A start from nothing.
    public init(name: String, modules: [String]) {
      self.name = name
      self.modules = modules
    }
  }

  /// What the latents were made from.
  public enum Origin: Sendable, Hashable {
    /// An adapter that was compressed.
    case adapter(Source)
    /// Nothing but the base and examples.
    case scratch(Scratch)
  }

  /// Program and version that wrote the file.
  public var createdBy: String
  /// The base model.
  public var base: Base
  /// What the latents were made from.
  public var origin: Origin
  /// How directions were chosen.
  public var directions: Directions
  /// Seed of Ω for top directions, of the bases for random ones.
  public var omegaSeed: UInt64?
  /// How the latents are stored; every module alike.
  public var storage: LatentStorage
  /// The measured accuracy block, `null` when nothing was measured.
  public var accuracy: JSONValue
  /// Further members, such as `method`, `training`, `capturedEnergy`; written after the others.
  public var record: JSONObject

  /// Metadata.
  public init(
    createdBy: String, base: Base, origin: Origin, directions: Directions,
    omegaSeed: UInt64? = nil, storage: LatentStorage, accuracy: JSONValue = .null,
    record: JSONObject = JSONObject()
  ) {
    self.createdBy = createdBy
    self.base = base
    self.origin = origin
    self.directions = directions
    self.omegaSeed = omegaSeed
    self.storage = storage
    self.accuracy = accuracy
    self.record = record
  }

  /// The adapter that was compressed, if there was one.
  public var adapter: Source? { if case .adapter(let source) = origin { source } else { nil } }

  /// The start from nothing, if it was one.
  public var scratch: Scratch? { if case .scratch(let scratch) = origin { scratch } else { nil } }

  /// A name for people.
  public var name: String {
    switch origin {
    case .adapter(let source): source.name
    case .scratch(let scratch): scratch.name
    }
  }
}
