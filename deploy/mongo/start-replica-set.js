// Run by mongosh. Begins the replica set of one unless it has begun, and waits until it takes writes.
try {
  rs.status();
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "mongo:27017" }] });
}
for (let tries = 0; !db.hello().isWritablePrimary; tries += 1) {
  if (tries === 300) throw new Error("the replica set has no primary after 30 s");
  sleep(100);
}
