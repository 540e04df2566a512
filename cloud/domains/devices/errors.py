"""What devices refuses, each with its stable code."""

from cloud.core.errors import Conflict, Forbidden


class CodeRefused(Forbidden):
    """The code is unknown, has expired, or was taken by another key; which of these is not told."""

    code = "provisioning_code_refused"
    title = "This provisioning code is not valid"


class SiteHasGateway(Conflict):
    """One gateway holds a site's leases."""

    code = "site_has_gateway"
    title = "This site has a gateway already: replace that one"
