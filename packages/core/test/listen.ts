import { Effect } from "effect"
import * as Http from "node:http"
import type * as Net from "node:net"

/** Listens on a free loopback port until the scope ends, and gives the base URL. */
export const listen = (server: Net.Server) =>
  Effect.acquireRelease(
    Effect.async<string>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(`http://127.0.0.1:${typeof address === "object" ? address?.port : address}`))
      })
    }),
    () =>
      Effect.sync(() => {
        server.close()
        if (server instanceof Http.Server) server.closeAllConnections()
      })
  )
