import Faults
import Mustache

/// The page of one job beside an overview.
struct JobPage: Sendable {
  private let template: MustacheTemplate

  /// - Throws: 70 `REPORT-TEMPLATE` if the template does not parse.
  init() throws(Fault) {
    template = try HTMLPage.template(HTMLTemplate.jobPage)
  }

  func text(_ job: JobRecord) -> String {
    var context = HTMLJob.context(job, 0)
    context["style"] = HTMLTemplate.style
    return template.render(context)
  }
}
