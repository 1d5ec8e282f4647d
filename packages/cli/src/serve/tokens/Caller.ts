/** The service that sent a request, as the log names the service. */
import * as Context from "effect/Context"

export interface Service {
  /** The name of the key. `undefined` if the token service has no keys. */
  readonly key: string | undefined
  /** The address of the connection, which is the load balancer's behind a load balancer. */
  readonly address: string
}

export class Caller extends Context.Tag("@effect-feishu/cli/tokens/Caller")<Caller, Service>() {}
