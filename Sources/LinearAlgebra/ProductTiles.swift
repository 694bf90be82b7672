import Threads

/// How the result of a product with a packed matrix is cut where threads share it: whole panels, and rows where panels are
/// too few.
struct ProductTiles {
  /// Rows and columns of one tile of the result.
  struct Tile: Sendable {
    let rows: Range<Int>
    let columns: Range<Int>
  }

  private let rows: Int
  private let columns: Int
  private let tileRows: Int
  private let tileColumns: Int

  /// Multiplications and additions of a tile: some hundred microseconds, of which sharing takes a few.
  private static let work = 8_000_000
  /// Rows of a tile are a multiple of what the kernels take at once.
  private static let rowUnit = 24
  /// Rows that repay reading a panel, or turning one, however long it is.
  private static let leastRows = 96

  /// Tiles of a result `[rows, columns]`, sums over `depth`.
  init(rows: Int, columns: Int, depth: Int) {
    self.rows = rows
    self.columns = columns
    let (panel, unit) = (FrozenMatrix.panel, ProductTiles.rowUnit)
    let perRow = 2 * panel * max(depth, 1)
    tileRows = min(rows, max(ProductTiles.leastRows, ProductTiles.work / perRow / unit * unit))
    tileColumns = max(1, ProductTiles.work / (perRow * max(tileRows, 1))) * panel
  }

  /// Runs `body` on every tile where threads are idle, else on the whole.
  func share<Memory: BitwiseCopyable>(
    over memory: Memory, _ body: @Sendable (Tile, Memory) -> Void
  ) {
    let across = (columns - 1) / tileColumns + 1
    let count = across * ((rows - 1) / tileRows + 1)
    guard count > 1, hasIdleThreads else {
      body(Tile(rows: 0..<rows, columns: 0..<columns), memory)
      return
    }
    let (rows, columns, tileRows, tileColumns) = (rows, columns, tileRows, tileColumns)
    shareOut(count, grain: 1, over: memory) { range, memory in
      for index in range {
        let (row, column) = (index / across * tileRows, index % across * tileColumns)
        body(
          Tile(
            rows: row..<min(row + tileRows, rows),
            columns: column..<min(column + tileColumns, columns)), memory)
      }
    }
  }
}
