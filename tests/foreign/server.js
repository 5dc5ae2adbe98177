// Node's own HTTP server on Unix sockets. Arguments: after how many milliseconds it closes an idle connection (0: its default), and the sockets.
const http = require('node:http');

const [idle, ...sockets] = process.argv.slice(2);
for (const socket of sockets) {
    const server = http.createServer((request, response) => {
        let bytes = 0;
        request.on('data', (block) => (bytes += block.length));
        request.on('end', () => response.end(`${request.method} ${bytes}`));
    });
    if (Number(idle) > 0) server.keepAliveTimeout = Number(idle);
    server.listen(socket);
}
