/// The members of a JSON object in file order, found by the UTF-8 bytes of their key.
public struct JSONObject: Sendable {
  /// One member.
  public struct Member: Sendable, Hashable {
    /// The key, escapes resolved.
    public let key: String
    /// The value.
    public var value: JSONValue

    /// Whether keys (by bytes) and values agree.
    public static func == (left: Member, right: Member) -> Bool {
      UTF8Key.equalBytes(left.key, right.key) && left.value == right.value
    }

    /// Feeds key and value.
    public func hash(into hasher: inout Hasher) {
      UTF8Key.hashBytes(of: key, into: &hasher)
      hasher.combine(value)
    }
  }

  /// The members in order.
  public private(set) var members: [Member] = []
  /// Places by key, kept only for objects large enough to need it.
  private var places: [UTF8Key: Int] = [:]
  private static let indexingThreshold = 12

  /// An empty object.
  public init() {}

  /// An empty object with room for so many members.
  init(capacity: Int) { members.reserveCapacity(capacity) }

  /// Members in the order given; a key that occurs again replaces the earlier value.
  public init(_ pairs: [(String, JSONValue)]) {
    members.reserveCapacity(pairs.count)
    for (key, value) in pairs { self[key] = value }
  }

  /// Number of members.
  public var count: Int { members.count }

  /// Whether there are no members.
  public var isEmpty: Bool { members.isEmpty }

  /// The keys in order.
  public var keys: [String] { members.map(\.key) }

  /// The value of a key; setting nil removes it, setting a new key appends it.
  public subscript(key: String) -> JSONValue? {
    get { place(of: key).map { members[$0].value } }
    set {
      switch (place(of: key), newValue) {
      case (let place?, let value?):
        members[place].value = value
      case (let place?, nil):
        members.remove(at: place)
        reindex()
      case (nil, let value?):
        append(key, value)
      case (nil, nil):
        break
      }
    }
  }

  /// Appends a member whose key is known to be new.
  mutating func append(_ key: String, _ value: JSONValue) {
    members.append(Member(key: key, value: value))
    if members.count == JSONObject.indexingThreshold {
      reindex()
    } else if members.count > JSONObject.indexingThreshold {
      places[UTF8Key(key)] = members.count - 1
    }
  }

  /// Appends members whose keys are known to be new.
  mutating func append(_ other: JSONObject) {
    for member in other.members { append(member.key, member.value) }
  }

  private func place(of key: String) -> Int? {
    if members.count >= JSONObject.indexingThreshold { return places[UTF8Key(key)] }
    return members.firstIndex { UTF8Key.equalBytes($0.key, key) }
  }

  private mutating func reindex() {
    places = [:]
    guard members.count >= JSONObject.indexingThreshold else { return }
    for (place, member) in members.enumerated() { places[UTF8Key(member.key)] = place }
  }
}

extension JSONObject: Hashable {
  /// Whether the members agree, order included.
  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.members == right.members
  }

  /// Feeds the members.
  public func hash(into hasher: inout Hasher) { hasher.combine(members) }
}
