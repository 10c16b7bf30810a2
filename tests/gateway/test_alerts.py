"""Alerts are raised once, and can be over."""

from roadbed.gateway.alerts import Alert, clear_alerts, list_alerts, raise_alert


def test_an_open_alert_is_brought_up_to_date(database):
    alert = Alert(code="x", message="it broke", severity="critical", detail={"n": 1})
    with database.write() as connection:
        first = raise_alert(connection, alert, 10)
        again = raise_alert(connection, alert, 20)
        other = raise_alert(connection, Alert(code="x", message="worse"), 30)
        found = list_alerts(connection)

    assert first == again != other
    assert [(a.message, a.at_us) for a in found] == [("worse", 30), ("it broke", 20)]
    assert (found[1].severity, found[1].detail) == ("critical", {"n": 1})


def test_what_is_over_is_listed_only_when_asked_for(database):
    with database.write() as connection:
        raise_alert(connection, Alert(code="x", message="it broke"), 10)
        cleared = clear_alerts(connection, "x", 20)
        again = clear_alerts(connection, "x", 30)
        raise_alert(connection, Alert(code="x", message="it broke"), 40)

        assert (cleared, again) == (1, 0)
        assert [a.at_us for a in list_alerts(connection)] == [40]
        both = list_alerts(connection, cleared=True)
        assert [(a.at_us, a.cleared_us) for a in both] == [(40, None), (10, 20)]
