"""The incident report: what an investigation found, as one Markdown or HTML file.

`content` puts it into words once, `markdown` and `html` write the same words down.
"""

from wacampaign.report.writing import Form, report_form, write_report

__all__ = ["Form", "report_form", "write_report"]
