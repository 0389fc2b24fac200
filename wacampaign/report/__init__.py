"""The incident report: what an investigation found, as one Markdown or HTML file.

`content` puts it into words once, `markdown` and `html` write the same words down.
"""

from wacampaign.report.writing import report_form, write_report

__all__ = ["report_form", "write_report"]
