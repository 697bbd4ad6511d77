export { type Engine, type EngineOptions, startEngine } from "./engine.ts";
export { freePort } from "./free-port.ts";
export { StartFailure } from "./start-failure.ts";
