/** Makes certificates for servers of the tests, with `openssl`. */
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import type { Tls } from "./redisServer.js"
import { temporaryFolder } from "./systems.js"

/** Runs a command whose words hold no space. */
const openssl = (command: string) => execFileSync("openssl", command.split(" "), { stdio: "ignore" })

const newKey = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout"

/** Makes a certificate authority, which no machine trusts. */
export const makeAuthority = Effect.map(temporaryFolder, (folder) => {
  const [authority, authorityKey] = [`${folder}/ca.crt`, `${folder}/ca.key`]
  openssl(`req -x509 ${newKey} ${authorityKey} -out ${authority} -days 2 -subj /CN=authority`)
  let issued = 0
  return {
    authority,
    /** Issues a certificate for a host name and for no address. */
    issue: (name: string): Tls => {
      const path = `${folder}/${++issued}`
      const [certificate, key, request, names] = [`${path}.crt`, `${path}.key`, `${path}.csr`, `${path}.ext`]
      writeFileSync(names, `subjectAltName=DNS:${name}`)
      openssl(`req ${newKey} ${key} -out ${request} -subj /CN=server`)
      openssl(
        `x509 -req -in ${request} -CA ${authority} -CAkey ${authorityKey} -CAcreateserial -out ${certificate} -days 2 -extfile ${names}`
      )
      return { authority, certificate, key }
    }
  }
})
