"""Asks a Java ZooKeeper every four-letter word and writes the answers into java/<situation>/<word>.txt.

    PADDOCK_PEERS=...; $PADDOCK_PEERS/kazoo-2.11.0/bin/python capture.py $PADDOCK_PEERS/zookeeper-3.9.5 java

The answers that are here come from ZooKeeper 3.9.5 on OpenJDK 17.

Situations: fresh, standalone, noquorum, freshleader, leader, follower, observer. In all but the fresh ones and
noquorum every server has one client, which owns an ephemeral znode and watches two paths and the root's children.
The directory of the servers becomes /zk in the answers, and what envi tells of this machine dots.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from kazoo.client import KazooClient

WORDS = "ruok srvr stat conf cons envi dump wchs wchc wchp mntr isro dirs hash gtmk crst srst".split()
ZOOKEEPER, OUT = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
HOME = tempfile.mkdtemp()
servers = []


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, word):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
        s.sendall(word.encode())
        answer = b""
        while chunk := s.recv(65536):
            answer += chunk
    return answer.decode()


def start(name, port, lines="", myid=None):
    home = os.path.join(HOME, name)
    os.makedirs(home + "/data")
    if myid:
        with open(home + "/data/myid", "w") as f:
            f.write(str(myid))
    with open(home + "/zoo.cfg", "w") as f:
        f.write(f"tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={home}/data\nclientPort={port}\n")
        f.write("4lw.commands.whitelist=*\n" + lines)
    command = ["java", "-Xmx128m", "-XX:+UseSerialGC", "-Dzookeeper.admin.enableServer=false"]
    command += ["-cp", ZOOKEEPER + "/lib/*:" + ZOOKEEPER + "/conf"]
    command += ["org.apache.zookeeper.server.quorum.QuorumPeerMain", home + "/zoo.cfg"]
    with open(home + "/log", "w") as log:
        servers.append(subprocess.Popen(command, cwd=HOME, stdout=log, stderr=log))


def wait(port, text):
    for _ in range(300):
        try:
            answer = ask(port, "srvr")
            if text in answer:
                return answer
        except OSError:
            pass
        time.sleep(0.2)
    sys.exit(f"no {text} from port {port}; see {HOME}")


def load(ports):
    clients = []
    for port in ports:
        client = KazooClient(hosts=f"127.0.0.1:{port}", timeout=30)
        client.start()
        clients.append(client)
    clients[0].create("/plain", b"hello")
    for i, client in enumerate(clients):
        client.sync("/")
        client.create(f"/e{i}", b"x", ephemeral=True)
        client.get("/plain", watch=lambda event: None)
        client.exists(f"/none{i}", watch=lambda event: None)
        client.get_children("/", watch=lambda event: None)
    return clients


def capture(situation, port, words=WORDS):
    directory = os.path.join(OUT, situation)
    os.makedirs(directory, exist_ok=True)
    for word in words:
        answer = ask(port, word).replace(HOME, "/zk")
        answer = re.sub("(?m)^(host.name|java.class.path|os.version|user.name|user.home)=.*", r"\1=...", answer)
        with open(f"{directory}/{word}.txt", "w") as f:
            f.write(answer)


def standalone():
    port = free_port()
    start("standalone", port)
    wait(port, "Mode: standalone")
    capture("fresh", port)
    clients = load([port])
    capture("standalone", port)
    for client in clients:
        client.stop()


def ensemble():
    client_ports = [free_port() for _ in range(4)]
    lines = ""
    for i in range(1, 5):
        lines += f"server.{i}=127.0.0.1:{free_port()}:{free_port()}{':observer' if i == 4 else ''}\n"
    start("s1", client_ports[0], lines, 1)
    wait(client_ports[0], "not currently serving")
    capture("noquorum", client_ports[0])
    for i in (2, 3, 4):
        start(f"s{i}", client_ports[i - 1], lines, i)
    modes = {}
    for port in client_ports:
        modes[wait(port, "Mode: ").split("Mode: ")[1].split()[0]] = port
    capture("freshleader", modes["leader"], ["srvr", "dump", "mntr"])
    clients = load(client_ports)
    for mode, port in modes.items():
        capture(mode, port)
    for client in clients:
        client.stop()


try:
    standalone()
    ensemble()
finally:
    for server in servers:
        server.terminate()
    for server in servers:
        server.wait()
shutil.rmtree(HOME)
