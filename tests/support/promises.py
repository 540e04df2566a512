"""The promises that tests carry by mark: rules of the offline contract, and other products' failures."""

RULES = tuple(str(number) for number in range(1, 34) if number != 32)

LESSONS = {
    "odoo-40567": "the server committed, the answer was lost, and the order came in twice",
    "odoo-152259": "two senders synced the same order",
    "odoo-288974": "paid offline after a draft had been synced, and the payment was gone",
    "odoo-261096": "the connection dropped again in mid-sync and the mark for unsent records was cleared",
    "odoo-125037": "a power cut lost what had been sold",
    "odoo-203431": "the day was closed before its sales had been synced",
    "two-tills-one-number-series": "two tills used one series of numbers",
    "erpnext-11000": "one bad record stopped the queue",
    "erpnext-loops": "two sync loops ran at once",
    "erpnext-negative-stock": "what was sold offline went below zero",
    "square-reset": "a sign-out or reset lost stored payments",
    "square-24h": "stored payments expired after a day",
    "stripe-declines": "the shop carried every decline of what it took offline",
    "thingsboard-edge-attempts": "batches were discarded after three attempts",
    "thingsboard-edge-7491": "a poison event was tried for ever",
    "thingsboard-edge-8h": "a gateway was hours behind at fifty records a second",
    "thingsboard-lag": "a backlog drained slower than it grew",
    "greengrass-spool": "a small spool in memory dropped its oldest records",
    "iotedge-2h": "records were kept for two hours and no longer",
    "snipe-it-6167": "rows of other companies could be seen",
    "shelf-2580": "queued scans were lost in silence and shown as done",
    "formio-resubmit": "a retry doubled a submission",
}
