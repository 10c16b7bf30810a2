"""nginx's proxy_pass: what forwarding alone costs."""

import shutil

from peers import Place, Start

NAME = "nginx proxy_pass"


def install(folder):
    """Find the program."""
    from peers import Gap

    if shutil.which("nginx") is None:
        raise Gap("nginx is not on this machine (apt-get install nginx-light)")


def start(place: Place) -> Start:
    """Return how to start it: one worker, kept-alive connections."""
    host = place.upstream.removeprefix("http://").partition("/")[0]
    config = place.folder / "nginx.conf"
    config.write_text(f"""
daemon off; worker_processes 1; pid {place.folder}/nginx.pid;
error_log {place.folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {place.folder}/body; proxy_temp_path {place.folder}/proxy;
  fastcgi_temp_path {place.folder}/f; uwsgi_temp_path {place.folder}/u;
  scgi_temp_path {place.folder}/s;
  upstream up {{ server {host}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{place.port};
    location / {{ proxy_pass http://up; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_buffering off; }}
  }}
}}
""")
    return Start(words=("nginx", "-c", str(config), "-p", str(place.folder)))
