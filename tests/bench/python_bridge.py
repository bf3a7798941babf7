#!/usr/bin/python3
"""A competent bridge of its kind: paho-mqtt and a requests session with a warm connection."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import paho.mqtt.client as mqtt
import requests
from requests.adapters import HTTPAdapter

mode, port, cloud, ca = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
url = cloud + "/api/v1.0/invoke/open-ability/method/user-commands"
session = requests.Session()
session.trust_env = False
session.verify = ca
session.mount("https://", HTTPAdapter(pool_connections=1, pool_maxsize=8))
session.headers.update({"Authorization": "Bearer bench", "Accept": "application/json"})


def call(client, topic, command, param):
    body = {"command": command, "id": "c" + os.urandom(16).hex(), "param": param}
    answer = session.post(url, json=body, timeout=10).json()
    result = {"success": answer["success"], "result": answer["result"]}
    client.publish(topic, json.dumps(result, separators=(",", ":")), qos=1)


def on_connect(client, userdata, flags, rc, properties=None):
    client.subscribe([("home/+/door/+/open", 1), ("home/+/request/+", 1)])


def on_message(client, userdata, message):
    base, home, kind, thing = message.topic.split("/")[:4]
    if kind == "door":
        param = {"residence_id": home, "mac": "0C1100000000", "relay_id": thing}
        job = (f"{base}/{home}/door/{thing}/result", "trigger_akuvox_remote_open_door", param)
    else:
        job = (f"{base}/{home}/response/{thing}", thing, {"residence_id": home})
    if pool:
        pool.submit(call, client, *job)
    else:
        call(client, *job)


pool = ThreadPoolExecutor(8) if mode == "many" else None
client = mqtt.Client(protocol=mqtt.MQTTv5)
client.on_connect = on_connect
client.on_message = on_message
client.connect("127.0.0.1", port)
client.loop_forever()
