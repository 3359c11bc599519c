// The server that the tutorial builds: users in memory, bcryptjs, jsonwebtoken.
const bcrypt = require("bcryptjs");
const express = require("express");
const jwt = require("jsonwebtoken");

const secret = process.env.JWT_SECRET;
const hashes = new Map();
const app = express();
app.use(express.json());

app.post("/register", async ({ body: { username, password } }, response) => {
  if (!username || !password) return response.status(400).json({ message: "Username and password are required" });
  if (hashes.has(username)) return response.status(409).json({ message: "Username already taken" });
  hashes.set(username, await bcrypt.hash(password, 12));
  response.status(201).json({ message: "User registered successfully" });
});

app.post("/login", async ({ body: { username, password } }, response) => {
  const hash = hashes.get(username);
  if (!hash || !(await bcrypt.compare(password, hash))) {
    return response.status(401).json({ message: "Invalid credentials" });
  }
  response.json({ accessToken: jwt.sign({ username }, secret, { expiresIn: "15m" }) });
});

function authenticate(request, response, next) {
  const token = request.headers.authorization?.split(" ")[1];
  if (!token) return response.status(401).json({ message: "Access token required" });
  jwt.verify(token, secret, (error, claims) => {
    if (error) return response.status(401).json({ message: "Invalid token" });
    request.user = claims;
    next();
  });
}

app.get("/profile", authenticate, (request, response) => response.json({ username: request.user.username }));

app.listen(process.env.PORT, "127.0.0.1");
