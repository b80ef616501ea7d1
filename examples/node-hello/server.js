// Greets whoever asks: /?name=Ada
import { createServer } from "node:http";
import escapeHtml from "escape-html";

const GREETING = "Hello";

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://app");
  if (url.pathname === "/health") {
    response.writeHead(200, { "Content-Type": "text/plain" }).end("ok\n");
    return;
  }
  const name = url.searchParams.get("name") || "world";
  console.log(request.method, url.pathname);
  response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" });
  response.end(`<!doctype html><title>Hello</title><h1>${GREETING}, ${escapeHtml(name)}</h1>\n`);
});

// Connections that wait would keep the process until its grace is over.
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});

server.listen(process.env.PORT, process.env.HOST ?? "127.0.0.1", () => console.log(`listening on ${process.env.PORT}`));
