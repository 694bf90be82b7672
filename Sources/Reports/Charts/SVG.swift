/// The few shapes the charts need, as text; colours are classes of the page's style sheet.
enum SVG {
  /// `picture` as a file of its own, with the colours and the style that the page would give it.
  static func file(_ picture: String) -> String {
    let start = "<svg "
    guard picture.hasPrefix(start) else { return picture }
    let style = "<style>\n\(HTMLTemplate.colors)\n\(HTMLTemplate.charts)\n</style>\n"
    let end = picture.firstIndex(of: ">").map(picture.index(after:)) ?? picture.endIndex
    return start + "xmlns=\"http://www.w3.org/2000/svg\" "
      + picture[..<end].dropFirst(start.count) + "\n" + style + picture[end...] + "\n"
  }

  /// A whole picture; `label` is what a screen reader says.
  static func picture(width: Double, height: Double, label: String, _ body: String) -> String {
    """
    <svg viewBox="0 0 \(number(width)) \(number(height))" role="img" \
    aria-label="\(HTMLText.escaped(label))" preserveAspectRatio="xMinYMin meet">
    \(body)</svg>
    """
  }

  static func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String
  ) -> String {
    "<line x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" "
      + "y2=\"\(number(y2))\" class=\"\(style)\"/>\n"
  }

  static func rectangle(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String,
    opacity: Double? = nil, title: String? = nil
  ) -> String {
    let shade = opacity.map { " fill-opacity=\"\(Numerals.fixed($0, 3))\"" } ?? ""
    return "<rect x=\"\(number(x))\" y=\"\(number(y))\" width=\"\(number(max(width, 0)))\" "
      + "height=\"\(number(max(height, 0)))\" class=\"\(style)\"\(shade)" + ended("rect", title)
  }

  static func circle(_ x: Double, _ y: Double, _ radius: Double, _ style: String) -> String {
    "<circle cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"\(number(radius))\" class=\"\(style)\"/>\n"
  }

  /// A line through `points`; nothing for fewer than two.
  static func polyline(_ points: [(x: Double, y: Double)], _ style: String) -> String {
    guard points.count > 1 else { return "" }
    let list = points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
    return "<polyline points=\"\(list)\" class=\"\(style)\"/>\n"
  }

  /// Text; `limit` cuts it in the middle, the whole then stands in a tooltip.
  static func text(
    _ x: Double, _ y: Double, _ text: String, _ style: String, limit: Int? = nil
  ) -> String {
    let visible = VisibleText.of(text)
    let short = limit.map { shortened(visible, $0) } ?? visible
    let title = short == visible ? "" : "<title>\(HTMLText.escaped(text))</title>"
    return "<text x=\"\(number(x))\" y=\"\(number(y))\" class=\"\(style)\">"
      + "\(title)\(HTMLText.escaped(short))</text>\n"
  }

  private static func ended(_ element: String, _ title: String?) -> String {
    guard let title else { return "/>\n" }
    return "><title>\(HTMLText.escaped(title))</title></\(element)>\n"
  }

  private static func shortened(_ text: String, _ limit: Int) -> String {
    guard text.count > limit else { return text }
    return text.prefix(limit * 2 / 3) + "…" + text.suffix(limit - limit * 2 / 3 - 1)
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() ? Numerals.fixed(value, 0) : Numerals.fixed(value, 2)
  }
}
