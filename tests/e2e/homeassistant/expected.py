"""What Home Assistant shows of the simulated home: entity, device, class, category, state.

A state is a regular expression; what is not known before something has happened is "unknown".
"""

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00"

GATEWAY = "Akuvox gateway"
HOME = "Villa"


def of_phone(device):
    slug = "villa_" + device.lower().replace(" ", "_")
    return [
        (f"binary_sensor.{slug}_connection", device, "connectivity", "diagnostic", "on"),
        (f"event.{slug}_doorbell", device, "doorbell", None, "unknown"),
        (f"event.{slug}_access", device, None, None, "unknown"),
        (f"image.{slug}_last_picture", device, None, None, "unknown"),
        (f"sensor.{slug}_last_call", device, "timestamp", None, "unknown"),
        (f"sensor.{slug}_last_opening", device, "timestamp", None, "unknown"),
        # The relay that is called like its device.
        (f"lock.{slug}", device, None, None, "locked"),
        (f"button.{slug}_open", device, None, None, "unknown"),
    ]


ENTITIES = [
    ("binary_sensor.akuvox_gateway_connection", GATEWAY, "connectivity", "diagnostic", "on"),
    ("sensor.akuvox_gateway_cloud", GATEWAY, "enum", "diagnostic", "online"),
    ("sensor.akuvox_gateway_version", GATEWAY, None, "diagnostic", r"\d+\.\d+.*"),
    ("binary_sensor.villa_connection", HOME, "connectivity", "diagnostic", "on"),
    ("switch.villa_open_by_nfc", HOME, None, "config", "on"),
    ("switch.villa_open_by_bluetooth", HOME, None, "config", "off"),
    ("text.villa_pin", HOME, None, "config", ""),
    ("binary_sensor.villa_face_picture", HOME, None, "diagnostic", "off"),
    ("sensor.villa_guest_keys", HOME, None, None, "0"),
    ("sensor.villa_members", HOME, None, "diagnostic", "3"),
    ("button.villa_refresh", HOME, None, "diagnostic", "unknown"),
    *of_phone("Front Door"),
    ("lock.villa_front_door_garage", "Front Door", None, None, "locked"),
    ("button.villa_front_door_open_garage", "Front Door", None, None, "unknown"),
    *of_phone("Apartment"),
    ("lock.villa_apartment_security_relay", "Apartment", None, None, "locked"),
    ("button.villa_apartment_open_security_relay", "Apartment", None, None, "unknown"),
    ("binary_sensor.villa_hall_monitor_connection", "Hall Monitor", "connectivity", "diagnostic",
     "on"),
]

DEVICES = {row[0]: row[1] for row in ENTITIES}


def entity_in(version, entity):
    """Its id in a Home Assistant. Before 2025.10 they were made of the device's name alone."""
    year, month, _ = version.split(".")
    if (int(year), int(month)) < (2025, 10) and DEVICES.get(entity) not in (GATEWAY, HOME):
        return entity.replace(".villa_", ".")
    return entity
