// nginx.mjs: nginx as what a publisher may have: a web server with files.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from './ports.mjs'
import { startServer } from './process.mjs'

const LOG = `'{"path":"$request_uri","status":$status,"bytes":$body_bytes_sent,"range":"$http_range","protocol":"$server_protocol","connection":$connection}'`

/**
 * Serves the directory `root`. `dir` is for its own files. `location` is more of nginx's language for all paths, `http` for the http block; with
 * `tls` ({ key, cert }, PEM) it speaks HTTP/2. The result: url, requests() (what it has logged: path, status, bytes, range, protocol,
 * connection), stop().
 */
export async function startNginx(t, { root, dir, name = 'nginx', location = '', http = '', tls }) {
  const path = (end) => join(dir, `${name}${end}`)
  const port = await freePort() // nginx takes no port 0
  if (tls) await Promise.all([writeFile(path('.key'), tls.key), writeFile(path('.pem'), tls.cert)])
  await writeFile(path('.conf'), `daemon off; master_process off; worker_processes 1; pid ${path('.pid')}; error_log stderr notice;
    events { worker_connections 256; }
    http {
      log_format requests escape=json ${LOG};
      access_log ${path('.log')} requests;
      default_type application/octet-stream;
      client_body_temp_path ${path('.body')}; proxy_temp_path ${path('.proxy')}; fastcgi_temp_path ${path('.fastcgi')};
      uwsgi_temp_path ${path('.uwsgi')}; scgi_temp_path ${path('.scgi')};
      ${http}
      server {
        listen 127.0.0.1:${port}${tls ? ' ssl http2' : ''};
        ${tls ? `ssl_certificate ${path('.pem')}; ssl_certificate_key ${path('.key')};` : ''}
        root ${root};
        location / { ${location} }
      }
    }`)
  const server = await startServer('nginx', ['-e', 'stderr', '-c', path('.conf')], { ready: (line) => /event method/.test(line) })
  const nginx = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    async requests() {
      return (await readFile(path('.log'), 'utf8')).split('\n').filter(Boolean).map((line) => JSON.parse(line))
    },
    stop: () => server.stop(),
  }
  t.after(() => nginx.stop())
  return nginx
}
