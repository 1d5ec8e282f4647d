import type { NextConfig } from "next"

const config: NextConfig = {
  // Without this, Next takes the repository around this example for the project.
  turbopack: { root: import.meta.dirname }
}

export default config
