// Asks the program in this container whether it is ready. Every role answers /readyz on the port that it serves anyway.
const { ROLES, EDGE_PORT, GRPC_PORT, ADMIN_PORT } = process.env;
const roles = (ROLES ?? "api,gateway").split(",").map((role) => role.trim());
const port = roles.includes("gateway") ? EDGE_PORT : roles.includes("api") ? GRPC_PORT : ADMIN_PORT;
const url = `http://127.0.0.1:${port}/readyz`;

try {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  // Docker keeps the last answers: `docker inspect` then tells what is missing.
  console.log(`${url} ${response.status} ${(await response.text()).trim()}`);
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  console.log(`${url} ${error.cause?.message ?? error.message}`);
  process.exitCode = 1;
}
