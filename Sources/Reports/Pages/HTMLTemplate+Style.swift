extension HTMLTemplate {
  /// The style sheet, light and dark; no font or picture is fetched.
  static let style = colors + "\n" + layout + "\n" + charts + "\n" + narrow

  /// What the colours are; pictures on their own have them too.
  static let colors = """
    :root{--bg:#f7f7f4;--card:#fff;--ink:#1d2025;--muted:#656b74;--line:#e2e3de;--accent:#0f766e;\
    --soft:#e6f2f0;--bad:#b42318;--bad-soft:#fdecea;--note-soft:#fdf5e3;--base:#8b9099;--lora:#2563eb;\
    --start:#d97706;--tuned:#14a08f;--stored:#0f766e;--control:#8b3fd9;--grid:#ebece8}
    @media screen and (prefers-color-scheme:dark){:root{--bg:#131518;--card:#1b1e22;--ink:#e7e7e4;--muted:#9aa1aa;\
    --line:#2e3238;--accent:#2dd4bf;--soft:#173532;--bad:#ff8a7d;--bad-soft:#3a1c19;--note-soft:#352c16;\
    --base:#9aa1aa;--lora:#6ea8fe;--start:#fbbf24;--tuned:#7be3d3;--stored:#2dd4bf;--control:#c792ff;\
    --grid:#292d32}}
    """

  private static let layout = """
    *{box-sizing:border-box}
    body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",\
    Roboto,"Helvetica Neue",sans-serif;font-variant-numeric:tabular-nums}
    main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}
    h1{font-size:28px;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}
    h2{font-size:20px;margin:0 0 12px;overflow-wrap:anywhere}
    h3{font-size:15px;margin:28px 0 6px}
    p{margin:6px 0}
    a{color:var(--accent);text-decoration:none}
    a:hover{text-decoration:underline}
    section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:24px;\
    margin-top:24px}
    .muted{color:var(--muted)}
    .strong{font-weight:650}
    .path,dd{overflow-wrap:anywhere}
    .cards{display:flex;flex-wrap:wrap;gap:12px;margin-top:20px}
    .card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 18px;\
    flex:1 1 200px}
    .figure{font-size:26px;font-weight:650;line-height:1.2}
    .notice{background:var(--note-soft);border-radius:8px;padding:10px 14px;overflow-wrap:anywhere}
    .notice.bad{background:var(--bad-soft);color:var(--bad)}
    .scroll{overflow-x:auto;margin:10px -24px;padding:0 24px}
    table{border-collapse:collapse;width:100%;font-size:13.5px}
    table.narrow{max-width:640px}
    th{text-align:left;font-weight:600;color:var(--muted);white-space:nowrap;vertical-align:bottom}
    th,td{padding:6px 10px 6px 0;border-bottom:1px solid var(--line)}
    th:last-child,td:last-child{padding-right:0}
    tbody tr:last-child td{border-bottom:0}
    .n{text-align:right;white-space:nowrap}
    .name{min-width:150px;max-width:300px;overflow-wrap:anywhere}
    .tag{display:inline-block;font-size:12px;font-weight:600;border-radius:6px;padding:1px 7px;\
    white-space:nowrap;vertical-align:2px}
    .tag.bad,.tag.lost{background:var(--bad-soft);color:var(--bad)}
    .tag.won{background:var(--soft);color:var(--accent)}
    .tag.even{background:var(--grid);color:var(--muted)}
    .verdicts{list-style:none;margin:8px 0;padding:0}
    .verdicts li{padding:5px 0;overflow-wrap:anywhere}
    details{margin-top:16px}
    summary{cursor:pointer;font-weight:600}
    dl{display:grid;grid-template-columns:minmax(120px,190px) 1fr;gap:4px 16px;font-size:13.5px}
    dt{color:var(--muted)}
    dd{margin:0}
    .bar{width:38%;min-width:120px}
    .bar div{height:10px;border-radius:3px;background:var(--accent);min-width:1px}
    .key{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:8px}
    .legend{color:var(--muted);font-size:13px}
    .swatch{display:inline-block;width:20px;height:3px;border-radius:2px;vertical-align:4px;\
    margin:0 6px 0 14px}
    .swatch:first-child{margin-left:0}
    .train-swatch{background:var(--lora)}
    .raw-swatch{background:var(--lora);opacity:.3}
    .validation-swatch{background:var(--start)}
    .methods p{color:var(--muted);font-size:14px;max-width:80ch}
    figure{margin:8px 0;overflow-x:auto}
    """

  /// The style of pictures.
  static let charts = """
    svg{display:block;width:100%;min-width:620px;height:auto;overflow:visible;\
    font:12.5px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
    svg text{fill:var(--ink)}
    svg .chart-title{fill:var(--muted);font-weight:600}
    svg .tick{fill:var(--muted);font-size:11.5px}
    svg .small{font-size:11.5px;fill:var(--muted)}
    svg .middle{text-anchor:middle}
    svg .end{text-anchor:end}
    svg .grid{stroke:var(--grid)}
    svg .axis{stroke:var(--line)}
    svg .whisker{stroke-width:3;stroke-linecap:round;opacity:.45}
    svg .heat{fill:var(--accent)}
    svg .heat-missing{fill:none;stroke:var(--line)}
    svg .bar-shipped{fill:var(--base)}
    svg .bar-f16{fill:var(--lora);opacity:.75}
    svg .bar-artifact{fill:var(--accent)}
    svg .train,svg .train-raw,svg .validation{fill:none;stroke-linejoin:round}
    svg .train{stroke:var(--lora);stroke-width:2.2}
    svg .train-raw{stroke:var(--lora);stroke-width:1;opacity:.3}
    svg .validation{stroke:var(--start);stroke-width:1.8}
    svg .validation-dot{fill:var(--start)}
    svg .best{stroke:var(--muted);stroke-dasharray:4 4}
    .kind-base{background:var(--base);stroke:var(--base)}
    .kind-adapter{background:var(--lora);stroke:var(--lora)}
    .kind-start{background:var(--start);stroke:var(--start)}
    .kind-tuned{background:var(--tuned);stroke:var(--tuned)}
    .kind-artifact{background:var(--stored);stroke:var(--stored)}
    .kind-control{background:var(--control);stroke:var(--control)}
    svg .dot.kind-base{fill:var(--base)}
    svg .dot.kind-adapter{fill:var(--lora)}
    svg .dot.kind-start{fill:var(--start)}
    svg .dot.kind-tuned{fill:var(--tuned)}
    svg .dot.kind-artifact{fill:var(--stored)}
    svg .dot.kind-control{fill:var(--card);stroke-width:2.2}
    svg .kind-artifact-text{font-weight:650}
    svg .series{fill:none;stroke-width:1.8;stroke-linejoin:round}
    svg .series-dot{stroke-width:1.8;fill:var(--card)}
    svg .series-lora{stroke:var(--lora);stroke-dasharray:5 4}
    svg .series-result{stroke:var(--stored)}
    svg .series-dot.series-result{fill:var(--stored)}
    svg .series-result-2{stroke:var(--start)}
    svg .series-dot.series-result-2{fill:var(--start)}
    svg .series-control-0{stroke:var(--control)}
    svg .series-control-1{stroke:#db2777}
    svg .series-control-2{stroke:var(--base)}
    svg .series-control-3{stroke:#ca8a04}
    svg .series-control-4{stroke:#0891b2}
    svg .series-control-5{stroke:#65a30d}
    """

  private static let narrow = """
    @media (max-width:640px){section{padding:16px}.scroll{margin:10px -16px;padding:0 16px}\
    dl{grid-template-columns:1fr}dd{margin-bottom:6px}}
    @media print{body{background:#fff}section{break-inside:avoid-page;border:0;padding:0}}
    """
}
