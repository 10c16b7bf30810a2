"""How an answer is tried for: at which upstream, how often, for how long, and when not.

`decide.py` has the decisions as functions of plain values, `breaker.py`, `balance.py`
and `allowance.py` what they are decided on; `attempts.py` does what was decided.
"""

from roadbed.gateway.attempts.attempts import Attempts

__all__ = ["Attempts"]
