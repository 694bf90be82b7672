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
    let (rows, columns, tileRows) = (rows, columns, tileRows)
    let tileColumns = evened(across: across, of: count, idle: idleThreads)
    let tilesAcross = (columns - 1) / tileColumns + 1
    shareOut(tilesAcross * ((rows - 1) / tileRows + 1), grain: 1, over: memory) { range, memory in
      for index in range {
        let (row, column) = (index / tilesAcross * tileRows, index % tilesAcross * tileColumns)
        body(
          Tile(
            rows: row..<min(row + tileRows, rows),
            columns: column..<min(column + tileColumns, columns)), memory)
      }
    }
  }

  /// Columns of a tile where tiles are few: one of the same size for each thread, and no panel read ahead for another's.
  private func evened(across: Int, of count: Int, idle: Int) -> Int {
    guard across == count, idle > 0, across < 2 * (idle + 1) else { return tileColumns }
    let panels = (columns - 1) / FrozenMatrix.panel + 1
    return ((panels - 1) / min(idle + 1, 4 * across) + 1) * FrozenMatrix.panel
  }
}
