// certificates.mjs: a certificate authority of a test's own, made with the openssl program.
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './process.mjs'

async function openssl(...args) {
  const { code, stderr } = await run('openssl', args)
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`)
}

const makeKey = (file) => openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file)

/**
 * Makes one in the directory `dir`. The result: file (its certificate, PEM), issue({ name, days }), which gives { key, cert } for a node
 * server; `name` is a subject alternative name as openssl writes it, and a certificate of -1 days is over.
 */
export async function makeAuthority(dir) {
  const path = (name) => join(dir, name)
  let issued = 0
  await mkdir(dir, { recursive: true })
  await makeKey(path('ca.key'))
  await openssl('req', '-x509', '-key', path('ca.key'), '-subj', '/CN=an authority of a test', '-days', '2', '-out', path('ca.pem'))
  return {
    file: path('ca.pem'),
    async issue({ name = 'IP:127.0.0.1', days = 1 } = {}) {
      issued++
      const [key, request, cert] = ['key', 'csr', 'pem'].map((end) => path(`${issued}.${end}`))
      await makeKey(key)
      await openssl('req', '-new', '-key', key, '-subj', '/CN=a server of a test', '-addext', `subjectAltName=${name}`, '-out', request)
      await openssl('x509', '-req', '-in', request, '-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial',
        '-copy_extensions', 'copy', '-days', String(days), '-out', cert)
      return { key: await readFile(key), cert: await readFile(cert) }
    },
  }
}
