/** For `npm run check:docs`, which builds the site first. `npm test` runs the tests in `test`, without a build. */
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: { include: ["check/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 60_000 }
})
