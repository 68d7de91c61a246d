"""Every noun of the product: importing this module registers all tables, commands and scope rules.

Owns nothing else. Programs import it once, before they make tables or run commands.
"""

from common.coverage import coverage as _coverage
from common.customers import customer as _customer
from common.equipment import equipment as _equipment
from common.inbox import records as _inbox
from common.people import person as _person
from common.policy import policy_set as _policy_set
from common.sla import clock_record as _clock_record
from common.stock import location as _location
from common.stock import movement as _movement
from common.stock import part as _part
from common.stock import part_usage as _part_usage
from common.tickets import ticket as _ticket
from common.visit import records as _visit

ROOMS = (
    _clock_record,
    _coverage,
    _customer,
    _equipment,
    _inbox,
    _location,
    _movement,
    _part,
    _part_usage,
    _person,
    _policy_set,
    _ticket,
    _visit,
)
