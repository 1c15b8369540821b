# A backend for mod_proxy, on Python's ssl: lib/Backend.pm starts it. Prints its port, then a line for each event.
import argparse, base64, hashlib, os, socket, ssl, sys, threading, time

arguments = argparse.ArgumentParser()
arguments.add_argument('--cert', action='append', default=[])      # PEM with certificate, chain and key
arguments.add_argument('--ca')                                     # whom clients' certificates must be from
arguments.add_argument('--verify', choices=['none', 'optional', 'require', 'later'], default='none')
arguments.add_argument('--min', default='1.2')
arguments.add_argument('--max', default='1.3')
arguments.add_argument('--ciphers')
arguments.add_argument('--alpn')
arguments.add_argument('--address', default='127.0.0.1')
arguments.add_argument('--tickets', type=int)
arguments.add_argument('--no-tickets', action='store_true')
arguments.add_argument('--mode', choices=['serve', 'stall', 'plain', 'close', 'garbage', 'alert'], default='serve')
option = arguments.parse_args()

said = threading.Lock()

def say(text):
    with said:
        print(text, flush=True)

def version(text):
    return getattr(ssl.TLSVersion, 'TLSv' + text.replace('.', '_').replace('1_0', '1'))

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
if option.min in ('1.0', '1.1'):
    context.set_ciphers('ALL:@SECLEVEL=0')
context.minimum_version, context.maximum_version = version(option.min), version(option.max)
for cert in option.cert:
    context.load_cert_chain(cert)
if option.ciphers:
    context.set_ciphers(option.ciphers)
if option.ca:
    context.load_verify_locations(option.ca)
context.verify_mode = {'none': ssl.CERT_NONE, 'optional': ssl.CERT_OPTIONAL, 'require': ssl.CERT_REQUIRED, 'later': ssl.CERT_REQUIRED}[option.verify]
if option.verify == 'later':
    context.post_handshake_auth = True
if option.alpn:
    context.set_alpn_protocols(option.alpn.split(','))
if option.tickets is not None:
    context.num_tickets = option.tickets
if option.no_tickets:
    context.options |= ssl.OP_NO_TICKET
names = {}
context.sni_callback = lambda connection, name, _: names.__setitem__(id(connection), name)

def name_of(connection):
    certificate = connection.getpeercert()
    if not certificate:
        return '-'
    return dict(part[0] for part in certificate['subject']).get('commonName', '?')

def head_of(stream):
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        line = stream.readline()
        if not line:
            return None
        head += line
    lines = head.decode('latin-1').split('\r\n')
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(':') for line in lines[1:] if line)}
    return lines[0].split(' '), fields

def body_of(stream, fields, connection):
    if fields.get('expect', '').lower() == '100-continue':
        connection.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
    digest, total = hashlib.sha256(), 0
    def take(left):
        nonlocal total
        while left:
            piece = stream.read(min(left, 65536))
            if not piece:
                raise EOFError
            digest.update(piece)
            total, left = total + len(piece), left - len(piece)
    if fields.get('transfer-encoding', '').lower() == 'chunked':
        while True:
            size = int(stream.readline(), 16)
            take(size)
            stream.readline()
            if not size:
                break
    else:
        take(int(fields.get('content-length', 0)))
    return total, digest.hexdigest()

def echo(connection, stream, key):
    """What a browser calls a WebSocket: frames, which come back in capitals (RFC 6455)."""
    accept = base64.b64encode(hashlib.sha1(key.encode() + b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest()).decode()
    connection.sendall(b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
                       b'Sec-WebSocket-Accept: %s\r\n\r\n' % accept.encode())
    while True:
        head = stream.read(2)
        if len(head) < 2:
            return
        length = head[1] & 127
        if length > 125:
            length = int.from_bytes(stream.read(2 if length == 126 else 8), 'big')
        mask = stream.read(4)
        data = bytes(byte ^ mask[index % 4] for index, byte in enumerate(stream.read(length))).upper()
        say(f'frame {head[0]} {length}')
        size = bytes([length]) if length < 126 else b'\x7e' + length.to_bytes(2, 'big') if length < 65536 else b'\x7f' + length.to_bytes(8, 'big')
        connection.sendall(head[:1] + size + data)
        if head[0] & 15 == 8:
            return

def answer(connection, stream):
    head = head_of(stream)
    if not head:
        return False
    (method, path, _), fields = head
    say(f'request {method} {path} host={fields.get("host")} expect={fields.get("expect", "-")}')
    if path.endswith('/echo'):
        echo(connection, stream, fields['sec-websocket-key'])
        return False
    if fields.get('upgrade', '').lower() == 'websocket':
        connection.sendall(b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
        while True:
            data = connection.recv(65536)
            if not data:
                return False
            connection.sendall(data.upper())
    length, digest = body_of(stream, fields, connection)
    if path.endswith('/later'):
        connection.verify_client_post_handshake()
        connection.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')    # the request leaves with data
        connection.settimeout(10)
        try:
            connection.recv(1)    # reads the certificate; there is no data
        except (ssl.SSLError, socket.timeout, OSError) as error:
            say(f'later failed {error}')
        say(f'later {name_of(connection)}')
    if path.endswith('/unclean') or path.endswith('/clean'):
        connection.sendall(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n' + b'x' * 5000)
        if path.endswith('/clean'):
            connection = connection.unwrap()
        return False
    if path.endswith('/half'):
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n' + b'x' * 5000)
        return False
    if path.endswith('/silence'):
        return False
    body = f'{length} {digest} {name_of(connection)}\n'.encode()
    if path.endswith('/fields'):
        body = ''.join(f'{name}: {value}\n' for name, value in fields.items()).encode()
    if '/size/' in path:
        body = b'y' * int(path.rpartition('/')[2])
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(body) + body)
    return fields.get('connection', '').lower() != 'close'

def serve(raw):
    try:
        if option.mode == 'stall':
            raw.recv(65536)
            time.sleep(3600)
        if option.mode == 'close':
            raw.recv(65536)
            return
        if option.mode == 'garbage':
            raw.recv(65536)
            raw.sendall(os.urandom(500))
            return
        if option.mode == 'alert':
            raw.recv(65536)
            raw.sendall(b'\x15\x03\x03\x00\x02\x02\x28')    # handshake_failure
            return
        if option.mode == 'plain':
            raw.recv(65536)
            raw.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nplain\n')
            return
        connection = context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False)
        say(f'connection {connection.version()} sni={names.get(id(connection))} alpn={connection.selected_alpn_protocol()} '
            f'resumed={int(connection.session_reused)} peer={name_of(connection)}')
        stream = connection.makefile('rb')
        while answer(connection, stream):
            pass
        connection._real_close() if hasattr(connection, '_real_close') else connection.close()
    except Exception as error:
        say(f'failed {type(error).__name__} {error}')
    finally:
        raw.close()

listener = socket.create_server((option.address, 0), family=socket.AF_INET6 if ':' in option.address else socket.AF_INET)
say(str(listener.getsockname()[1]))
while True:
    raw, _ = listener.accept()
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(raw,), daemon=True).start()
