# A backend that misuses what its library would send: lib/Backend.pm starts it. The name that the client asks for says how:
# cut-N (the end after N bytes), hang-N (silence after them), flip-N (a wrong bit in byte N), twice (the first flight twice),
# junk (a record of nonsense behind it), text (an answer in the clear after the handshake), extra (two answers to one request),
# later (the second one when the first has been taken); anything else is an honest backend.
import argparse, os, socket, ssl, threading, time

arguments = argparse.ArgumentParser()
arguments.add_argument('--cert')
arguments.add_argument('--version')
arguments.add_argument('--tickets', type=int, default=2)
option = arguments.parse_args()
lock = threading.Lock()
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'

def say(text):
    with lock:
        print(text, flush=True)

def serve(raw):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(option.cert)
    if option.version:
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, 'TLSv' + option.version.replace('.', '_'))
    context.num_tickets = option.tickets
    asked = []
    context.sni_callback = lambda connection, name, _: asked.append((name or '').split('.')[0])
    source, sink = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(source, sink, server_side=True)
    sent, flights = 0, 0

    def flush():
        nonlocal sent, flights
        data = sink.read()
        if not data:
            return
        scenario, _, number = (asked[0] if asked else '').partition('-')
        number = int(number) if number.isdigit() else 0
        flights += 1
        if scenario in ('cut', 'hang') and sent + len(data) > number:
            raw.sendall(data[:max(0, number - sent)])
            say(f'{scenario} {number} of {sent + len(data)}')
            if scenario == 'hang':
                time.sleep(3600)
            raise EOFError
        if scenario == 'flip' and sent <= number < sent + len(data):
            data = bytearray(data)
            data[number - sent] ^= 1 << number % 8
        sent += len(data)
        raw.sendall(data * 2 if scenario == 'twice' and flights == 1 else data)
        if scenario == 'junk' and flights == 1:
            raw.sendall(b'\x17\x03\x03\x01\x00' + os.urandom(256))

    def run(step):
        while True:
            try:
                result = step()
                flush()
                return result
            except ssl.SSLWantReadError:
                flush()
                data = raw.recv(65536)
                if not data:
                    raise EOFError
                source.write(data)

    try:
        run(tls.do_handshake)
        while True:
            head = b''
            while b'\r\n\r\n' not in head:
                head += run(lambda: tls.read(65536))
            say(f'request {asked} {head.split()[1].decode()}')
            scenario = asked[0] if asked else ''
            if scenario == 'text':
                raw.sendall(ANSWER + b'clear')
                return
            run(lambda: tls.write(ANSWER + b'right' + (ANSWER + b'wrong' if scenario == 'extra' else b'')))
            if scenario == 'later':
                time.sleep(0.2)
                run(lambda: tls.write(ANSWER + b'wrong'))
                say('later sent')
    except (EOFError, OSError) as error:
        say(f'end {type(error).__name__} {error}')
    finally:
        raw.close()

listener = socket.create_server(('127.0.0.1', 0))
say(listener.getsockname()[1])
while True:
    raw, _ = listener.accept()
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(raw,), daemon=True).start()
