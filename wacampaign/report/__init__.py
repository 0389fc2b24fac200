"""Reports as one Markdown or HTML file: of an incident, and of a campaign for its client.

`content` and `campaign_content` put them into words once, `markdown` and `html` write the same
words down.
"""

from wacampaign.report.writing import report_form, write_campaign_report, write_report

__all__ = ["report_form", "write_campaign_report", "write_report"]
