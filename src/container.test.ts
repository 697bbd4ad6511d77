import { describe, expect, it } from "vitest";
import { defineService, ServiceContainer, type ServiceKey } from "./container.ts";

describe("service container", () => {
  it("starts a part on first use, once, after what it asks for, and stops in reverse", async () => {
    const log: string[] = [];
    const bus = defineService("bus", {
      start: () => `bus ${log.push("start bus")}`,
      stop: () => void log.push("stop bus"),
    });
    const unused = defineService("unused", { start: () => log.push("start unused") });
    const api = defineService("api", {
      start: async (c) => {
        await c.get(bus);
        return log.push("start api");
      },
      stop: () => void log.push("stop api"),
    });
    const container = new ServiceContainer();
    await Promise.all([container.get(api), container.get(api), container.get(bus)]);
    await container.stop();
    expect(log).toEqual(["start bus", "start api", "stop api", "stop bus"]);
    expect(unused.name).toBe("unused");
  });

  it("puts another part in its place, but not once it is used", async () => {
    const clock = defineService("clock", { start: () => 1 });
    const container = new ServiceContainer().replace(clock, { start: () => 2 });
    expect(await container.get(clock)).toBe(2);
    expect(() => container.replace(clock, { start: () => 3 })).toThrow('"clock" has been started already');
  });

  it("stops what had started when a later part fails, and tells everybody who asked", async () => {
    const stopped: string[] = [];
    const store = defineService("store", { start: () => "store", stop: () => void stopped.push("store") });
    const api = defineService<string>("api", {
      start: async (c) => {
        await c.get(store);
        throw new Error("port taken");
      },
    });
    const container = new ServiceContainer();
    await expect(container.get(api)).rejects.toThrow("port taken");
    await expect(container.get(api)).rejects.toThrow("port taken");
    await container.stop();
    expect(stopped).toEqual(["store"]);
  });

  it("goes on stopping when one part fails to, and names it", async () => {
    const stopped: string[] = [];
    const first = defineService("first", { start: () => 1, stop: () => void stopped.push("first") });
    const second = defineService("second", {
      start: () => 2,
      stop: () => {
        throw new Error("stuck");
      },
    });
    const container = new ServiceContainer();
    await container.get(first);
    await container.get(second);
    await expect(container.stop()).rejects.toMatchObject({ errors: [{ message: '"second" did not stop cleanly' }] });
    expect(stopped).toEqual(["first"]);
  });

  it("names the circle when parts need each other, and two parts of one name", async () => {
    const a: ServiceKey<number> = defineService("a", { start: (c) => c.get(b) });
    const b: ServiceKey<number> = defineService("b", { start: (c) => c.get(a) });
    await expect(new ServiceContainer().get(a)).rejects.toThrow('"a" needs "b" needs "a"');
    const container = new ServiceContainer();
    await container.get(defineService("same", { start: () => 1 }));
    await expect(container.get(defineService("same", { start: () => 2 }))).rejects.toThrow(
      'two parts are named "same"',
    );
  });
});
