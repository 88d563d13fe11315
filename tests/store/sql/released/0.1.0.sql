--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: chat_epochs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.chat_epochs (
    "only" smallint NOT NULL,
    epoch text NOT NULL,
    replaced text DEFAULT ''::text NOT NULL
);


--
-- Name: chat_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.chat_events (
    room text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    username text,
    ts bigint NOT NULL,
    author text,
    device text,
    target bigint,
    text_seq bigint
);


--
-- Name: chat_marks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.chat_marks (
    room text NOT NULL COLLATE pg_catalog."C",
    reader text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL
);


--
-- Name: chat_nodes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.chat_nodes (
    node text NOT NULL COLLATE pg_catalog."C",
    expires bigint NOT NULL
);


--
-- Name: chat_refs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.chat_refs (
    ref bytea NOT NULL,
    fingerprint bytea NOT NULL,
    id text NOT NULL,
    seq bigint NOT NULL,
    ts bigint NOT NULL
);


--
-- Name: chat_rooms; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.chat_rooms (
    room text NOT NULL COLLATE pg_catalog."C",
    head bigint NOT NULL,
    ts bigint DEFAULT 0 NOT NULL
);


--
-- Name: chat_texts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.chat_texts (
    room text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    text text NOT NULL
);


--
-- Name: chat_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.chat_version (
    version_num character varying(32) NOT NULL
);


--
-- Data for Name: chat_epochs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.chat_epochs VALUES (1, 'CUhVF0QVYnbol5FP', '');


--
-- Data for Name: chat_events; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.chat_events VALUES ('general', 1, 'id-general-ann has joined the chat', 'joined', 'ann', 1700000000000, NULL, NULL, NULL, 1);
INSERT INTO public.chat_events VALUES ('general', 2, 'm1', 'message', 'ann', 1700000000000, 'ann', 'd-ann', NULL, 4);
INSERT INTO public.chat_events VALUES ('general', 3, 'm2', 'message', 'Bob', 1700000000000, 'bob', 'd-bob', NULL, 3);
INSERT INTO public.chat_events VALUES ('general', 4, 'edit-m1-hello, all', 'edited', 'ann', 1700000000000, 'ann', 'd-ann', 2, NULL);
INSERT INTO public.chat_events VALUES ('general', 5, 'm3', 'message', 'Bob', 1700000000000, 'bob', 'd-bob', NULL, NULL);
INSERT INTO public.chat_events VALUES ('general', 6, 'delete-m3', 'deleted', 'ann', 1700000000000, 'bob', 'd-bob', 5, NULL);
INSERT INTO public.chat_events VALUES ('dev', 1, 'm4', 'message', 'Cleo', 1700000000000, 'cleo', '', NULL, 1);
INSERT INTO public.chat_events VALUES ('general', 7, 'id-general-ann has left the chat', 'left', 'ann', 1700000000000, NULL, NULL, NULL, 7);


--
-- Data for Name: chat_marks; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.chat_marks VALUES ('dev', 'cleo', 1);
INSERT INTO public.chat_marks VALUES ('general', 'ann', 3);
INSERT INTO public.chat_marks VALUES ('general', 'bob', 5);


--
-- Data for Name: chat_nodes; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: chat_refs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.chat_refs VALUES ('\x9e2b6c3529ad832d57f1890489de9744', '\x9674f1fb4f437b596a494767d31deccc', 'm1', 2, 1795989879679);
INSERT INTO public.chat_refs VALUES ('\xdd8b6586f293eb039f92ff9d1b73781b', '\xdb215993eed2909ca4e0f1f24e2c376f', 'edit-m1-hello, all', 4, 1795989879679);
INSERT INTO public.chat_refs VALUES ('\xf6fdabfbcdbe2bae522ee26da32c84ca', '\x85bc5e2de7fc60b689b3b1e2dd5d894a', 'm2', 3, 1795989879679);


--
-- Data for Name: chat_rooms; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.chat_rooms VALUES ('dev', 1, 1700000000000);
INSERT INTO public.chat_rooms VALUES ('general', 7, 1700000000000);


--
-- Data for Name: chat_texts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.chat_texts VALUES ('general', 1, 'ann has joined the chat');
INSERT INTO public.chat_texts VALUES ('general', 3, 'Größe: 5 µm, 你好, 👋');
INSERT INTO public.chat_texts VALUES ('general', 4, 'hello, all');
INSERT INTO public.chat_texts VALUES ('dev', 1, 'by token');
INSERT INTO public.chat_texts VALUES ('general', 7, 'ann has left the chat');


--
-- Data for Name: chat_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.chat_version VALUES ('postgresql_1');


--
-- Name: chat_epochs chat_epochs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.chat_epochs
    ADD CONSTRAINT chat_epochs_pkey PRIMARY KEY ("only");


--
-- Name: chat_events chat_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.chat_events
    ADD CONSTRAINT chat_events_pkey PRIMARY KEY (room, seq);


--
-- Name: chat_marks chat_marks_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.chat_marks
    ADD CONSTRAINT chat_marks_pkey PRIMARY KEY (room, reader);


--
-- Name: chat_nodes chat_nodes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.chat_nodes
    ADD CONSTRAINT chat_nodes_pkey PRIMARY KEY (node);


--
-- Name: chat_refs chat_refs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.chat_refs
    ADD CONSTRAINT chat_refs_pkey PRIMARY KEY (ref);


--
-- Name: chat_rooms chat_rooms_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.chat_rooms
    ADD CONSTRAINT chat_rooms_pkey PRIMARY KEY (room);


--
-- Name: chat_texts chat_texts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.chat_texts
    ADD CONSTRAINT chat_texts_pkey PRIMARY KEY (room, seq);


--
-- Name: chat_version chat_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.chat_version
    ADD CONSTRAINT chat_version_pkc PRIMARY KEY (version_num);


--
-- Name: chat_events_id; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX chat_events_id ON public.chat_events USING btree (id);


--
-- Name: chat_refs_ts; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX chat_refs_ts ON public.chat_refs USING btree (ts);


--
-- PostgreSQL database dump complete
--


