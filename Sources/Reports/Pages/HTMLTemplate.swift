/// The page's Mustache template; every `{{name}}` is escaped, the few `{{{name}}}` are made here: charts,
/// and the rows of modules, which are many.
enum HTMLTemplate {
  /// The head of every page up to its content; `title` and `style` are markup.
  ///
  /// - Parameter hasScript: The page's own script may run. None may load or send anything.
  static func head(title: String, style: String, hasScript: Bool = false) -> String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'\
    \(hasScript ? "; script-src 'unsafe-inline'" : "")">
    <title>\(title)</title>
    <style>\(style)</style>
    </head>
    <body>
    <main>
    """
  }

  static let page = """
    {{% CONTENT_TYPE: \(HTMLText.name)}}
    \(head(title: "{{title}}", style: "{{{style}}}"))
    <header>
    <h1>{{title}}</h1>
    {{#hasMachine}}<p class="muted">{{machine}}</p>{{/hasMachine}}
    <div class="cards">
    {{#cards}}<div class="card"><div class="figure">{{figure}}</div><div class="muted">{{caption}}</div></div>
    {{/cards}}</div>
    {{#hasNone}}<p class="notice bad">No adapter was converted: 0 of {{listed}}.</p>{{/hasNone}}
    {{#hasLeftOut}}<p class="notice">Results with a figure that is not finite: {{leftOut}}. They are shown as nan and stand in no total.</p>{{/hasLeftOut}}
    </header>
    {{#hasJobs}}
    <section>
    <h2>Summary</h2>
    <div class="scroll"><table>
    <thead><tr><th>Adapter</th>{{#isMeasured}}<th class="n">Base</th>{{#haveLoRA}}<th class="n">LoRA</th>{{/haveLoRA}}<th class="n">Stored</th><th class="n">95% interval</th>{{#haveLoRA}}<th class="n">Retained</th><th class="n">NLL LoRA</th>{{/haveLoRA}}{{^haveLoRA}}<th class="n">NLL base</th>{{/haveLoRA}}<th class="n">NLL stored</th>{{/isMeasured}}{{#haveLoRA}}<th class="n">As shipped</th><th class="n">As F16</th>{{/haveLoRA}}<th class="n">Artifact</th>{{#haveLoRA}}<th class="n">Smaller</th>{{/haveLoRA}}</tr></thead>
    <tbody>
    {{#summary}}<tr><td class="name"><a href="#{{anchor}}">{{name}}</a>{{#hasState}} <span class="tag {{stateStyle}}">{{state}}</span>{{/hasState}}</td>{{#isMeasured}}<td class="n">{{base}}</td>{{#haveLoRA}}<td class="n">{{lora}}</td>{{/haveLoRA}}<td class="n strong">{{result}}</td><td class="n muted">{{resultRange}}</td>{{#haveLoRA}}<td class="n">{{retained}}</td><td class="n">{{loraNLL}}</td>{{/haveLoRA}}{{^haveLoRA}}<td class="n">{{baseNLL}}</td>{{/haveLoRA}}<td class="n">{{resultNLL}}</td>{{/isMeasured}}{{#haveLoRA}}<td class="n">{{asShipped}}</td><td class="n">{{f16}}</td>{{/haveLoRA}}<td class="n strong">{{artifact}}</td>{{#haveLoRA}}<td class="n strong">{{ratio}}</td>{{/haveLoRA}}</tr>
    {{/summary}}</tbody>
    </table></div>
    {{#hasBytes}}
    <h3>Bytes before and after</h3>
    <figure>{{{bytesChart}}}</figure>
    {{/hasBytes}}
    </section>
    {{/hasJobs}}
    {{#frontiers}}
    <section>
    <h2>Accuracy for bytes: {{adapter}}</h2>
    <p class="muted">The same adapter at several sizes, every variant on the same examples; below and to the left is better in the first panel, above and to the left in the second.</p>
    <figure>{{{frontierChart}}}</figure>
    </section>
    {{/frontiers}}
    {{#jobs}}
    \(job)
    {{/jobs}}
    \(methods)
    </main>
    </body>
    </html>

    """

  /// The page of one job beside an overview.
  static let jobPage = """
    {{% CONTENT_TYPE: \(HTMLText.name)}}
    \(head(title: "{{name}}", style: "{{{style}}}"))
    <p><a href="../index.html">All jobs</a></p>
    \(job)
    \(methods)
    </main>
    </body>
    </html>

    """

  private static let job = """
    <section id="{{anchor}}">
    <h2>{{name}}{{#hasState}} <span class="tag {{stateStyle}}">{{state}}</span>{{/hasState}}</h2>
    {{#hasFailure}}<p class="notice bad">Exit code {{exitCode}}: {{failure}}</p>{{/hasFailure}}{{#isKept}}<p class="notice">{{kept}}</p>{{/isKept}}
    {{#warnings}}<p class="notice">{{text}}</p>
    {{/warnings}}
    {{#hasEvaluation}}
    <h3>Accuracy by variant</h3>
    <p class="muted">{{examples}} examples of <span class="path">{{dataPath}}</span>, the same for every variant.</p>
    <figure>{{{accuracyChart}}}</figure>
    <div class="scroll"><table>
    <thead><tr><th>Variant</th><th class="n">Accuracy</th><th class="n">95% interval</th>{{#hasNorm}}<th class="n">by token</th>{{/hasNorm}}{{#hasLabels}}<th class="n">F1, mean</th><th class="n">Matthews</th>{{/hasLabels}}<th class="n">NLL</th>{{#hasLoRA}}<th class="n">KL</th><th class="n">Agreement</th><th class="n">Retained</th><th class="n">95% interval</th>{{/hasLoRA}}<th class="n">Bytes</th><th class="n">Time</th></tr></thead>
    <tbody>
    {{#variants}}<tr><td class="name"><span class="key kind-{{kind}}"></span>{{name}}</td><td class="n">{{accuracy}}</td><td class="n muted">{{range}}</td>{{#hasNorm}}<td class="n">{{norm}}</td>{{/hasNorm}}{{#hasLabels}}<td class="n">{{f1}}</td><td class="n">{{matthews}}</td>{{/hasLabels}}<td class="n">{{nll}}</td>{{#hasLoRA}}<td class="n">{{kl}}</td><td class="n">{{agreement}}</td><td class="n">{{retained}}</td><td class="n muted">{{retainedRange}}</td>{{/hasLoRA}}<td class="n">{{bytes}}</td><td class="n">{{seconds}}</td></tr>
    {{/variants}}</tbody>
    </table></div>
    {{#hasControls}}
    <h3>Controls</h3>
    <ul class="verdicts">
    {{#controls}}<li><span class="tag {{style}}">{{mark}}</span> {{text}}</li>
    {{/controls}}</ul>
    {{/hasControls}}
    {{#hasPairs}}
    <details><summary>Paired comparisons</summary>
    <div class="scroll"><table>
    <thead><tr><th>From</th><th>To</th><th class="n">Accuracy, points</th><th class="n">95% interval</th><th class="n">McNemar p</th><th class="n">NLL</th><th class="n">95% interval</th></tr></thead>
    <tbody>
    {{#pairs}}<tr><td class="name">{{from}}</td><td class="name">{{to}}</td><td class="n">{{delta}}</td><td class="n muted">{{range}}</td><td class="n">{{p}}</td><td class="n">{{nll}}</td><td class="n muted">{{nllRange}}</td></tr>
    {{/pairs}}</tbody>
    </table></div></details>
    {{/hasPairs}}
    {{/hasEvaluation}}
    {{#hasTuning}}
    <h3>Tuning</h3>
    {{#hasLossChart}}
    <p class="legend"><span class="swatch train-swatch"></span>training loss, smoothed <span class="swatch raw-swatch"></span>each step <span class="swatch validation-swatch"></span>validation loss</p>
    <figure>{{{lossChart}}}</figure>
    {{/hasLossChart}}
    {{^hasLossChart}}<p class="muted">No finite loss was recorded.</p>{{/hasLossChart}}
    {{#hasTrials}}
    <details open><summary>Search on the validation split, all trials</summary>
    <div class="scroll"><table>
    <thead><tr><th>Tried</th><th class="n">Steps</th><th class="n">Validation loss</th><th class="n">Time</th><th></th></tr></thead>
    <tbody>
    {{#trials}}<tr><td class="name">{{settings}}</td><td class="n">{{steps}}</td><td class="n">{{loss}}</td><td class="n">{{seconds}}</td><td>{{#isChosen}}<span class="tag won">chosen</span>{{/isChosen}}</td></tr>
    {{/trials}}</tbody>
    </table></div></details>
    {{/hasTrials}}
    {{/hasTuning}}
    {{#hasEnergy}}
    <h3>Captured energy</h3>
    <p class="muted">Share of the energy of each LoRA update that the chosen directions hold, by layer and module type; the strongest shade is {{plainMaximum}}.</p>
    <figure>{{{plainChart}}}</figure>
    {{#hasWeighted}}
    <p class="muted">Share of the curvature-weighted energy that the start keeps, which is what the choice of directions maximises; the strongest shade is {{weightedMaximum}}.</p>
    <figure>{{{weightedChart}}}</figure>
    {{/hasWeighted}}
    {{/hasEnergy}}
    {{#hasSizes}}
    <h3>What the artifact's bytes hold</h3>
    <div class="scroll"><table class="narrow">
    <thead><tr><th>Part, compressed alone</th><th class="n">Bytes</th><th class="n">Share</th><th></th></tr></thead>
    <tbody>
    {{#sizes}}<tr><td class="name">{{name}}</td><td class="n">{{bytes}}</td><td class="n">{{share}}</td><td class="bar"><div style="width:{{width}}%"></div></td></tr>
    {{/sizes}}</tbody>
    </table></div>
    {{/hasSizes}}
    {{#hasModules}}
    <details><summary>All {{moduleCount}} modules</summary>
    <div class="scroll"><table>
    <thead><tr><th>Module</th><th class="n">Shape</th>{{#hasLoRA}}<th class="n">LoRA rank</th>{{/hasLoRA}}<th class="n">Latent</th>{{#hasLoRA}}<th class="n">Energy</th><th class="n">Weighted</th>{{/hasLoRA}}<th class="n">Bytes</th></tr></thead>
    <tbody>
    {{{moduleMarkup}}}</tbody>
    </table></div></details>
    {{/hasModules}}
    {{#hasFacts}}
    <details><summary>Provenance</summary>
    <dl>
    {{#facts}}<dt>{{name}}</dt><dd>{{value}}</dd>
    {{/facts}}</dl></details>
    {{/hasFacts}}
    </section>
    """

  private static let methods = """
    <section class="methods">
    <h2>How to read this</h2>
    \(MethodNotes.html)
    </section>
    """
}
