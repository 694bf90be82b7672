@main struct XSPress {
  static func main() {}
}
