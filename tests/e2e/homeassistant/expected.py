"""What Home Assistant shows of the simulated home: entity, device, class, category, state.

A state is a regular expression; what is not known before something has happened is "unknown".
"""

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00"

GATEWAY = "akuvox2mqtt"
HOME = "Villa"


def of_phone(device, relays):
    slug = device.lower().replace(" ", "_")
    rows = [
        (f"binary_sensor.{slug}_connection", device, "connectivity", "diagnostic", "on"),
        (f"event.{slug}_doorbell", device, "doorbell", None, "unknown"),
        (f"event.{slug}_access", device, None, None, "unknown"),
        (f"image.{slug}_last_picture", device, None, None, "unknown"),
        (f"sensor.{slug}_last_call", device, "timestamp", None, "unknown"),
        (f"sensor.{slug}_last_opening", device, "timestamp", None, "unknown"),
    ]
    for relay in relays:
        name = relay.lower().replace(" ", "_")
        rows += [
            (f"lock.{slug}_{name}", device, None, None, "locked"),
            (f"button.{slug}_open_{name}", device, None, None, "unknown"),
        ]
    return rows


ENTITIES = [
    ("binary_sensor.akuvox2mqtt_connection", GATEWAY, "connectivity", "diagnostic", "on"),
    ("sensor.akuvox2mqtt_cloud", GATEWAY, "enum", "diagnostic", "online"),
    ("sensor.akuvox2mqtt_version", GATEWAY, None, "diagnostic", r"\d+\.\d+.*"),
    ("binary_sensor.villa_connection", HOME, "connectivity", "diagnostic", "on"),
    ("switch.villa_open_by_nfc", HOME, None, "config", "on"),
    ("switch.villa_open_by_bluetooth", HOME, None, "config", "off"),
    ("text.villa_pin", HOME, None, "config", ""),
    ("binary_sensor.villa_face_picture", HOME, None, "diagnostic", "off"),
    ("sensor.villa_guest_keys", HOME, None, None, "0"),
    ("sensor.villa_members", HOME, None, "diagnostic", "3"),
    ("button.villa_refresh", HOME, None, "diagnostic", "unknown"),
    *of_phone("Front Door", ["Front Door", "Garage"]),
    *of_phone("Apartment", ["Apartment", "Security Relay"]),
    ("binary_sensor.hall_monitor_connection", "Hall Monitor", "connectivity", "diagnostic", "on"),
]
