/**
 * Before each file of tests, of any package: `it.effect` is that of `@effect/vitest` again.
 *
 * `layer` puts its own methods on the one `it` that there is, and the next file in the same process would run its tests
 * with a foreign layer. Gone in Effect 4: https://github.com/Effect-TS/effect-smol/pull/2177
 */
import { effect, flakyTest, it, layer, prop, scoped } from "@effect/vitest"

Object.assign(it, { effect, flakyTest, layer, prop, scoped })
